"""Checkpoints pushed to the Hugging Face hub"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

KINDS_BEFORE = ("chunk", "training", "evaluation", "model_check", "clean_up", "try_it", "export", "scoring")
WHOLE = '("commit" IS NULL) = (url IS NULL)'


def upgrade() -> None:
    _set_kinds((*KINDS_BEFORE, "push"))
    op.create_table(
        "pushes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("checkpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("repo", sa.String(200), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("provenance", sa.Boolean(), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("commit", sa.String(64), nullable=True),
        sa.Column("idempotency_key", sa.String(200), nullable=True),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(WHOLE, name=op.f("ck_pushes_arrived_whole")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["users.id"], name=op.f("fk_pushes_asked_by_id")),
        sa.ForeignKeyConstraint(["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_pushes_checkpoint_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_pushes_job_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_pushes_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushes")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_pushes_idempotency_key")),
        sa.UniqueConstraint("job_id", name=op.f("uq_pushes_job_id")),
    )
    op.create_index("ix_pushes_checkpoint", "pushes", ["checkpoint_id", "id"])


def downgrade() -> None:
    op.drop_table("pushes")
    op.execute("DELETE FROM jobs WHERE kind = 'push'")
    _set_kinds(KINDS_BEFORE)


def _set_kinds(kinds: tuple[str, ...]) -> None:
    op.drop_constraint("kind", "jobs", type_="check")
    op.create_check_constraint("kind", "jobs", f"kind IN ({', '.join(repr(kind) for kind in kinds)})")
