"""Tries: two pictures drawn to see what settings do"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KINDS_BEFORE = ("chunk", "training", "evaluation", "model_check", "clean_up")
HOUSE_BEFORE = ("model_check", "clean_up")


def upgrade() -> None:
    _set_kinds((*KINDS_BEFORE, "try_it"), (*HOUSE_BEFORE, "try_it"))
    op.create_table(
        "tries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("base_model_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=True),
        sa.Column("checkpoint_id", sa.BigInteger(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("sampling", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pictures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("loading_seconds", sa.Float(), nullable=True),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["users.id"], name=op.f("fk_tries_asked_by_id")),
        sa.ForeignKeyConstraint(["base_model_id"], ["base_models.id"], name=op.f("fk_tries_base_model_id")),
        sa.ForeignKeyConstraint(["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_tries_checkpoint_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_tries_job_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_tries_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tries")),
    )
    op.create_index("ix_tries_asked", "tries", ["asked_by_id", "id"])
    op.create_index("ix_tries_created", "tries", ["created_at"])
    op.create_index(op.f("ix_tries_job_id"), "tries", ["job_id"])


def downgrade() -> None:
    op.drop_table("tries")
    op.execute("DELETE FROM jobs WHERE kind = 'try_it'")
    _set_kinds(KINDS_BEFORE, HOUSE_BEFORE)


def _set_kinds(kinds: tuple[str, ...], of_the_house: tuple[str, ...]) -> None:
    op.drop_constraint("kind", "jobs", type_="check")
    op.create_check_constraint("kind", "jobs", f"kind IN ({_listed(kinds)})")
    op.drop_constraint("of_study_or_house", "jobs", type_="check")
    op.create_check_constraint(
        "of_study_or_house", "jobs", f"study_id IS NOT NULL OR kind IN ({_listed(of_the_house)})"
    )


def _listed(kinds: tuple[str, ...]) -> str:
    return ", ".join(f"'{kind}'" for kind in kinds)
