"""The house: workers' memory, checks of base models, disk by study"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KINDS_BEFORE = ("chunk", "training", "evaluation")
KINDS = (*KINDS_BEFORE, "model_check", "clean_up")
KEPT = sa.text("trajectory_key IS NOT NULL AND trajectory_removed_at IS NULL")
FAILED = sa.text("state = 'failed'")


def upgrade() -> None:
    op.create_table(
        "model_checks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("revision", sa.String(length=200), nullable=False),
        sa.Column(
            "state",
            sa.Enum("checking", "ready", "refused", name="state", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("base_model_id", sa.BigInteger(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("picture", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'refused') = (reason IS NOT NULL)", name=op.f("ck_model_checks_refused_has_reason")
        ),
        sa.CheckConstraint(
            "state <> 'ready' OR base_model_id IS NOT NULL", name=op.f("ck_model_checks_ready_has_model")
        ),
        sa.ForeignKeyConstraint(["asked_by_id"], ["users.id"], name=op.f("fk_model_checks_asked_by_id")),
        sa.ForeignKeyConstraint(["base_model_id"], ["base_models.id"], name=op.f("fk_model_checks_base_model_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_model_checks_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_checks")),
    )
    op.create_index(op.f("ix_model_checks_base_model_id"), "model_checks", ["base_model_id"])
    op.create_index("ix_model_checks_source", "model_checks", ["source", "revision"])
    op.create_table(
        "study_disk",
        sa.Column("study_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trajectories", sa.BigInteger(), nullable=False),
        sa.Column("pictures", sa.BigInteger(), nullable=False),
        sa.Column("checkpoints", sa.BigInteger(), nullable=False),
        sa.Column("other", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_disk_study_id")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_study_disk")),
    )
    op.add_column("workers", sa.Column("version", sa.String(length=64), nullable=False, server_default=""))
    op.alter_column("workers", "version", server_default=None)
    op.add_column("workers", sa.Column("memory_used", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("memory_total", sa.BigInteger(), nullable=True))
    op.alter_column("jobs", "study_id", nullable=True)
    _set_kinds(KINDS)
    op.create_check_constraint(
        "of_study_or_house", "jobs", "study_id IS NOT NULL OR kind IN ('model_check', 'clean_up')"
    )
    op.create_index("ix_events_actor", "events", ["actor_id", "id"])
    op.create_index("ix_events_object", "events", ["object_type", "id"])
    op.create_index("ix_jobs_study", "jobs", ["study_id", "ended_at"])
    op.create_index("ix_jobs_failed", "jobs", ["id"], postgresql_where=FAILED)
    op.create_index("ix_samples_kept_trajectories", "samples", ["group_id"], postgresql_where=KEPT)


def downgrade() -> None:
    op.drop_index("ix_samples_kept_trajectories", table_name="samples", postgresql_where=KEPT)
    op.drop_index("ix_jobs_failed", table_name="jobs", postgresql_where=FAILED)
    op.drop_index("ix_jobs_study", table_name="jobs")
    op.drop_index("ix_events_object", table_name="events")
    op.drop_index("ix_events_actor", table_name="events")
    op.drop_table("study_disk")
    op.drop_table("model_checks")
    op.execute("DELETE FROM jobs WHERE kind IN ('model_check', 'clean_up')")
    op.drop_constraint("of_study_or_house", "jobs", type_="check")
    _set_kinds(KINDS_BEFORE)
    op.alter_column("jobs", "study_id", nullable=False)
    op.drop_column("workers", "memory_total")
    op.drop_column("workers", "memory_used")
    op.drop_column("workers", "version")


def _set_kinds(kinds: tuple[str, ...]) -> None:
    op.drop_constraint("kind", "jobs", type_="check")
    words = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint("kind", "jobs", f"kind IN ({words})")
