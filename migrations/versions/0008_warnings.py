"""Watching for trouble: how pictures look, pairs that look alike, warnings"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "appearances",
        sa.Column("sample_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("brightness", sa.Float(), nullable=False),
        sa.Column("saturation", sa.Float(), nullable=False),
        sa.Column("sharpness", sa.Float(), nullable=False),
        sa.Column("apart", sa.Float(), nullable=True),
        sa.CheckConstraint("apart BETWEEN 0 AND 1", name=op.f("ck_appearances_apart_is_a_distance")),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_appearances_sample_id")),
        sa.PrimaryKeyConstraint("sample_id", name=op.f("pk_appearances")),
    )
    op.add_column("pairs", sa.Column("distance", sa.Float(), nullable=True))
    op.add_column("pairs", sa.Column("alike", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("pairs", "alike", server_default=None)
    op.create_check_constraint("alike_is_void", "pairs", "NOT alike OR state = 'void'")
    op.create_check_constraint("distance_is_one", "pairs", "distance BETWEEN 0 AND 1")
    op.add_column(
        "round_totals", sa.Column("pairs_alike", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.alter_column("round_totals", "pairs_alike", server_default=None)
    op.create_table(
        "warnings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("training_run_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("went_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_warnings_study_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_warnings_round_id")),
        sa.ForeignKeyConstraint(["training_run_id"], ["training_runs.id"], name=op.f("fk_warnings_training_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warnings")),
        sa.UniqueConstraint(
            "round_id", "training_run_id", "name", name=op.f("uq_warnings_round_id_training_run_id_name"),
            postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    op.create_index("ix_warnings_study", "warnings", ["study_id", "id"])
    op.create_index(op.f("ix_warnings_training_run_id"), "warnings", ["training_run_id"])
    op.create_table(
        "study_watch",
        sa.Column("study_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_watch_study_id")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_study_watch")),
    )


def downgrade() -> None:
    op.drop_table("study_watch")
    op.drop_table("warnings")
    op.drop_column("round_totals", "pairs_alike")
    op.drop_constraint("distance_is_one", "pairs", type_="check")
    op.drop_constraint("alike_is_void", "pairs", type_="check")
    op.drop_column("pairs", "alike")
    op.drop_column("pairs", "distance")
    op.drop_table("appearances")
