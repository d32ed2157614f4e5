"""Exports: what researchers take away of a study, made by jobs"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

KINDS_BEFORE = ("chunk", "training", "evaluation", "model_check", "clean_up", "try_it")
WHOLE = "(key IS NULL) = (sha256 IS NULL) AND (key IS NULL) = (size IS NULL) AND (key IS NULL) = (rows IS NULL)"


def upgrade() -> None:
    _set_kinds((*KINDS_BEFORE, "export"))
    op.create_table(
        "exports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("rounds", sa.String(32), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.String(200), nullable=True),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(WHOLE, name=op.f("ck_exports_file_whole")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["users.id"], name=op.f("fk_exports_asked_by_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_exports_job_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_exports_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_exports_idempotency_key")),
        sa.UniqueConstraint("job_id", name=op.f("uq_exports_job_id")),
    )
    op.create_index("ix_exports_study", "exports", ["study_id", "id"])


def downgrade() -> None:
    op.drop_table("exports")
    op.execute("DELETE FROM jobs WHERE kind = 'export'")
    _set_kinds(KINDS_BEFORE)


def _set_kinds(kinds: tuple[str, ...]) -> None:
    op.drop_constraint("kind", "jobs", type_="check")
    op.create_check_constraint("kind", "jobs", f"kind IN ({', '.join(repr(kind) for kind in kinds)})")
