"""What judges say of each policy's evaluation pictures is kept as means"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COUNTED = """
    WITH pictures AS (
        SELECT groups.study_id, groups.id AS group_id, groups.sampler, samples.checkpoint_id, samples.number,
               sample_scores.judge, sample_scores.value
        FROM groups
        JOIN samples ON samples.group_id = groups.id
        JOIN sample_scores ON sample_scores.sample_id = samples.id
        WHERE groups.round_id IS NULL AND samples.state = 'ready'
    )
    INSERT INTO policy_means
    SELECT pictures.study_id, pictures.judge, pictures.number, pictures.sampler, pictures.checkpoint_id,
           avg(pictures.value), stddev_samp(pictures.value), count(*), avg(pictures.value - base.value),
           stddev_samp(pictures.value - base.value), count(base.value)
    FROM pictures
    LEFT JOIN pictures AS base
        ON base.group_id = pictures.group_id AND base.judge = pictures.judge AND base.number = 0
    GROUP BY pictures.study_id, pictures.judge, pictures.number, pictures.sampler, pictures.checkpoint_id
"""


def upgrade() -> None:
    op.create_table(
        "policy_means",
        sa.Column("study_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("judge", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "sampler",
            sa.Enum("study", "ddim", name="sampler", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("checkpoint_id", sa.BigInteger(), nullable=True),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("deviation", sa.Float(), nullable=True),
        sa.Column("pictures", sa.BigInteger(), nullable=False),
        sa.Column("difference", sa.Float(), nullable=True),
        sa.Column("difference_deviation", sa.Float(), nullable=True),
        sa.Column("paired", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_policy_means_study_id")),
        sa.ForeignKeyConstraint(["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_policy_means_checkpoint_id")),
        sa.PrimaryKeyConstraint("study_id", "judge", "number", "sampler", name=op.f("pk_policy_means")),
    )
    op.execute(COUNTED)


def downgrade() -> None:
    op.drop_table("policy_means")
