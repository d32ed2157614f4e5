"""Imports: preference data that was made elsewhere, in a round of its own kind, said by people from outside"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

KINDS_BEFORE = ("chunk", "training", "evaluation", "model_check", "clean_up", "try_it", "export", "scoring", "push")
OF_THE_HOUSE_BEFORE = ("model_check", "clean_up", "try_it")
ROUNDS_BEFORE = ("preference", "evaluation")


def upgrade() -> None:
    _set_kinds((*KINDS_BEFORE, "import"), (*OF_THE_HOUSE_BEFORE, "import"), (*ROUNDS_BEFORE, "imported"))
    op.create_table(
        "imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("source", postgresql.JSONB(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("left_out", postgresql.JSONB(), nullable=False),
        sa.Column("base_model_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("study_id", sa.BigInteger(), nullable=True),
        sa.Column("round_id", sa.BigInteger(), nullable=True),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(study_id IS NULL) = (round_id IS NULL)", name=op.f("ck_imports_begun_whole")),
        sa.CheckConstraint("position BETWEEN 0 AND total", name=op.f("ck_imports_position_within")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["users.id"], name=op.f("fk_imports_asked_by_id")),
        sa.ForeignKeyConstraint(["base_model_id"], ["base_models.id"], name=op.f("fk_imports_base_model_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_imports_job_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_imports_round_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_imports_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sa.UniqueConstraint("job_id", name=op.f("uq_imports_job_id")),
        sa.UniqueConstraint("round_id", name=op.f("uq_imports_round_id")),
    )
    op.create_index("uq_imports_content", "imports", ["format", "name", "sha256"], unique=True)
    op.create_index("ix_imports_study_id", "imports", ["study_id"])
    op.create_table(
        "imported_samples",
        sa.Column("sample_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_imported_samples_group_id")),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_imported_samples_sample_id")),
        sa.PrimaryKeyConstraint("sample_id", name=op.f("pk_imported_samples")),
    )
    op.create_index("uq_imported_samples_content", "imported_samples", ["group_id", "sha256"], unique=True)
    op.add_column("users", sa.Column("import_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_users_import_id"), "users", "imports", ["import_id"], ["id"])
    op.create_check_constraint("outside_is_disabled", "users", "import_id IS NULL OR disabled_at IS NOT NULL")


def downgrade() -> None:
    """Refused by the foreign keys where anything was imported: what people elsewhere said has no place before."""
    op.drop_constraint("outside_is_disabled", "users", type_="check")
    op.drop_constraint(op.f("fk_users_import_id"), "users", type_="foreignkey")
    op.drop_column("users", "import_id")
    op.drop_table("imported_samples")
    op.drop_table("imports")
    op.execute("DELETE FROM jobs WHERE kind = 'import'")
    _set_kinds(KINDS_BEFORE, OF_THE_HOUSE_BEFORE, ROUNDS_BEFORE)


def _set_kinds(jobs: tuple[str, ...], of_the_house: tuple[str, ...], rounds: tuple[str, ...]) -> None:
    for table, kinds in (("jobs", jobs), ("rounds", rounds)):
        op.drop_constraint("kind", table, type_="check")
        op.create_check_constraint("kind", table, f"kind IN ({_listed(kinds)})")
    op.drop_constraint("of_study_or_house", "jobs", type_="check")
    op.create_check_constraint(
        "of_study_or_house", "jobs", f"study_id IS NOT NULL OR kind IN ({_listed(of_the_house)})"
    )


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(repr(word) for word in words)
