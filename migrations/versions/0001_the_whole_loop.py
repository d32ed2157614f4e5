"""The tables of the whole loop"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# tables that point at each other: these keys are added once both exist
CIRCULAR_KEYS = [
    ("studies", "current_checkpoint_id", "checkpoints"),
    ("rounds", "checkpoint_id", "checkpoints"),
    ("rounds", "other_checkpoint_id", "checkpoints"),
    ("samples", "checkpoint_id", "checkpoints"),
    ("jobs", "checkpoint_id", "checkpoints"),
    ("jobs", "training_run_id", "training_runs"),
]


def upgrade() -> None:
    op.create_table(
        "base_models",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column(
            "family",
            sa.Enum("sd1", "sd2", "sdxl", name="family", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("prediction_type", sa.String(length=32), nullable=False),
        sa.Column("token_limit", sa.BigInteger(), nullable=False),
        sa.Column("image_size", sa.BigInteger(), nullable=False),
        sa.Column("files", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("files_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_base_models")),
        sa.UniqueConstraint(
            "source", "revision", "files_sha256", name=op.f("uq_base_models_source_revision_files_sha256")
        ),
    )
    op.create_table(
        "prompt_sets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_sets")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_prompt_sets_name_version")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("person", "judge", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "role",
            sa.Enum(
                "annotator", "researcher", "admin", name="role", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("handle", sa.String(length=200), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("handle", name=op.f("uq_users_handle")),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "queue",
            sa.Enum("accelerator", "cpu", name="queue", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("device", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "prompts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("prompt_set_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column(
            "split",
            sa.Enum("train", "eval", "both", name="split", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["prompt_set_id"], ["prompt_sets.id"], name=op.f("fk_prompts_prompt_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompts")),
        sa.UniqueConstraint("prompt_set_id", "number", name=op.f("uq_prompts_prompt_set_id_number")),
    )
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_in_links_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_sign_in_links_token_sha256")),
    )
    op.create_index(op.f("ix_sign_in_links_user_id"), "sign_in_links", ["user_id"], unique=False)
    op.create_table(
        "studies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("pair", "mark", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("base_model_id", sa.BigInteger(), nullable=False),
        sa.Column("prompt_set_id", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("preset", sa.String(length=64), nullable=False),
        sa.Column("preset_sha256", sa.String(length=64), nullable=False),
        sa.Column("prompts_over_limit", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("current_checkpoint_id", sa.BigInteger(), nullable=True),
        sa.Column("auto_rounds", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("auto_rounds >= 0", name=op.f("ck_studies_auto_rounds_not_negative")),
        sa.ForeignKeyConstraint(["base_model_id"], ["base_models.id"], name=op.f("fk_studies_base_model_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_studies_created_by_id")),
        sa.ForeignKeyConstraint(
            ["current_checkpoint_id"], ["checkpoints.id"], name=op.f("fk_studies_current_checkpoint_id"), use_alter=True
        ),
        sa.ForeignKeyConstraint(["prompt_set_id"], ["prompt_sets.id"], name=op.f("fk_studies_prompt_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_studies_idempotency_key")),
    )
    op.create_table(
        "web_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_web_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_sessions")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_web_sessions_token_sha256")),
    )
    op.create_index(op.f("ix_web_sessions_user_id"), "web_sessions", ["user_id"], unique=False)
    op.create_table(
        "rounds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("preference", "evaluation", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "generating",
                "labeling",
                "training",
                "complete",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "hold",
            sa.Enum("none", "paused", "failed", name="hold", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("hold_reason", sa.String(), nullable=True),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checkpoint_id", sa.BigInteger(), nullable=True),
        sa.Column("other_checkpoint_id", sa.BigInteger(), nullable=True),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("groups", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("launched_by_id", sa.BigInteger(), nullable=True),
        sa.Column("launched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("labeling_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("training_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = state IN ('complete', 'cancelled')", name=op.f("ck_rounds_final_has_end")
        ),
        sa.CheckConstraint("(hold = 'failed') = (hold_reason IS NOT NULL)", name=op.f("ck_rounds_failed_has_reason")),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_rounds_checkpoint_id"), use_alter=True
        ),
        sa.ForeignKeyConstraint(["launched_by_id"], ["users.id"], name=op.f("fk_rounds_launched_by_id")),
        sa.ForeignKeyConstraint(
            ["other_checkpoint_id"], ["checkpoints.id"], name=op.f("fk_rounds_other_checkpoint_id"), use_alter=True
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_rounds_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_rounds_idempotency_key")),
        sa.UniqueConstraint("study_id", "kind", "number", name=op.f("uq_rounds_study_id_kind_number")),
    )
    op.create_index(
        "ix_rounds_open",
        "rounds",
        ["study_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('generating', 'labeling', 'training')"),
    )
    op.create_index(
        "uq_rounds_open_preference_round_of_study",
        "rounds",
        ["study_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'preference' AND state IN ('generating', 'labeling', 'training')"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=True),
        sa.Column("round_id", sa.BigInteger(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_events_actor_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_events_round_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_events_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_round", "events", ["round_id", "id"], unique=False)
    op.create_index("ix_events_study", "events", ["study_id", "id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "chunk", "training", "evaluation", name="kind", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "queue",
            sa.Enum("accelerator", "cpu", name="queue", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "done",
                "failed",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("urgency", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=True),
        sa.Column("training_run_id", sa.BigInteger(), nullable=True),
        sa.Column("checkpoint_id", sa.BigInteger(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("last_progress_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state <> 'running' OR lease_until IS NOT NULL", name=op.f("ck_jobs_running_has_lease")),
        sa.CheckConstraint("attempt >= 0 AND failures >= 0", name=op.f("ck_jobs_counts_not_negative")),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_jobs_checkpoint_id"), use_alter=True
        ),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_jobs_round_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_jobs_study_id")),
        sa.ForeignKeyConstraint(
            ["training_run_id"], ["training_runs.id"], name=op.f("fk_jobs_training_run_id"), use_alter=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(
        "ix_jobs_claim",
        "jobs",
        ["queue", "urgency", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_index(op.f("ix_jobs_round_id"), "jobs", ["round_id"], unique=False)
    op.create_index(op.f("ix_jobs_training_run_id"), "jobs", ["training_run_id"], unique=False)
    op.create_table(
        "round_totals",
        sa.Column("round_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("groups_drawn", sa.BigInteger(), nullable=False),
        sa.Column("chunks_failed", sa.BigInteger(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.Column("pairs_closed", sa.BigInteger(), nullable=False),
        sa.Column("choices", sa.BigInteger(), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_round_totals_round_id")),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_round_totals")),
    )
    op.create_table(
        "training_sets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("items", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_training_sets_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_sets")),
        sa.UniqueConstraint("round_id", "number", name=op.f("uq_training_sets_round_id_number")),
    )
    op.create_table(
        "groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("prompt_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("draw", sa.BigInteger(), nullable=True),
        sa.Column(
            "sampler",
            sa.Enum("study", "ddim", name="sampler", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.CheckConstraint(
            "(round_id IS NULL) = (draw IS NOT NULL AND sampler IS NOT NULL)",
            name=op.f("ck_groups_round_or_evaluation_set"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_groups_job_id")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_groups_prompt_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_groups_round_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_groups_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("round_id", "number", name=op.f("uq_groups_round_id_number")),
    )
    op.create_index(op.f("ix_groups_job_id"), "groups", ["job_id"], unique=False)
    op.create_index(
        "uq_groups_evaluation",
        "groups",
        ["study_id", "prompt_id", "draw", "sampler"],
        unique=True,
        postgresql_where=sa.text("round_id IS NULL"),
    )
    op.create_table(
        "training_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("training_set_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "finished",
                "failed",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("settings_sha256", sa.String(length=64), nullable=False),
        sa.Column("resume", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_training_runs_round_id")),
        sa.ForeignKeyConstraint(
            ["training_set_id"], ["training_sets.id"], name=op.f("fk_training_runs_training_set_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_runs")),
        sa.UniqueConstraint("round_id", "number", name=op.f("uq_training_runs_round_id_number")),
    )
    op.create_index(
        "uq_training_runs_active",
        "training_runs",
        ["round_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("training_run_id", sa.BigInteger(), nullable=False),
        sa.Column("adapter_sha256", sa.String(length=64), nullable=False),
        sa.Column("files", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("optimizer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["checkpoints.id"], name=op.f("fk_checkpoints_parent_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_checkpoints_study_id")),
        sa.ForeignKeyConstraint(["training_run_id"], ["training_runs.id"], name=op.f("fk_checkpoints_training_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoints")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_checkpoints_study_id_number")),
        sa.UniqueConstraint("training_run_id", name=op.f("uq_checkpoints_training_run_id")),
    )
    op.create_table(
        "metrics",
        sa.Column("training_run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["training_run_id"], ["training_runs.id"], name=op.f("fk_metrics_training_run_id")),
        sa.PrimaryKeyConstraint("training_run_id", "step", name=op.f("pk_metrics")),
    )
    op.create_table(
        "samples",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("checkpoint_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("ready", "lost", name="state", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("image_key", sa.String(), nullable=False),
        sa.Column("image_sha256", sa.String(length=64), nullable=False),
        sa.Column("image_size", sa.BigInteger(), nullable=False),
        sa.Column("webp_key", sa.String(), nullable=False),
        sa.Column("webp_sha256", sa.String(length=64), nullable=False),
        sa.Column("webp_size", sa.BigInteger(), nullable=False),
        sa.Column("trajectory_key", sa.String(), nullable=True),
        sa.Column("trajectory_sha256", sa.String(length=64), nullable=True),
        sa.Column("trajectory_size", sa.BigInteger(), nullable=True),
        sa.Column("trajectory_removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_samples_checkpoint_id"), use_alter=True
        ),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_samples_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
        sa.UniqueConstraint("group_id", "number", name=op.f("uq_samples_group_id_number")),
    )
    op.create_index(op.f("ix_samples_checkpoint_id"), "samples", ["checkpoint_id"], unique=False)
    op.create_table(
        "pairs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("second_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "closed", "void", name="state", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state <> 'closed' OR closed_at IS NOT NULL", name=op.f("ck_pairs_closed_has_time")),
        sa.CheckConstraint("filled >= 0 AND skipped >= 0", name=op.f("ck_pairs_counts_not_negative")),
        sa.CheckConstraint("first_id <> second_id", name=op.f("ck_pairs_two_samples")),
        sa.ForeignKeyConstraint(["first_id"], ["samples.id"], name=op.f("fk_pairs_first_id")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_pairs_group_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_pairs_round_id")),
        sa.ForeignKeyConstraint(["second_id"], ["samples.id"], name=op.f("fk_pairs_second_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairs")),
        sa.UniqueConstraint("round_id", "first_id", "second_id", name=op.f("uq_pairs_round_id_first_id_second_id")),
    )
    op.create_index(op.f("ix_pairs_first_id"), "pairs", ["first_id"], unique=False)
    op.create_index(op.f("ix_pairs_group_id"), "pairs", ["group_id"], unique=False)
    op.create_index(
        "ix_pairs_open",
        "pairs",
        ["round_id", sa.literal_column("filled DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(op.f("ix_pairs_second_id"), "pairs", ["second_id"], unique=False)
    op.create_table(
        "sample_scores",
        sa.Column("sample_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("judge", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_sample_scores_sample_id")),
        sa.PrimaryKeyConstraint("sample_id", "judge", name=op.f("pk_sample_scores")),
    )
    op.create_table(
        "leases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("pair_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "counted",
                "warm_up",
                "gold",
                "repeat",
                name="purpose",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("first_on_left", sa.Boolean(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=op.f("fk_leases_pair_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_leases_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leases")),
    )
    op.create_index("ix_leases_user_expires", "leases", ["user_id", "expires_at"], unique=False)
    op.create_index(
        "uq_leases_counted",
        "leases",
        ["pair_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("purpose = 'counted'"),
    )
    op.create_table(
        "choices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("lease_id", sa.BigInteger(), nullable=False),
        sa.Column("pair_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "answer",
            sa.Enum(
                "first",
                "second",
                "tie",
                "both_bad",
                "skip",
                name="answer",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("response_ms", sa.BigInteger(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lease_id"], ["leases.id"], name=op.f("fk_choices_lease_id")),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=op.f("fk_choices_pair_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_choices_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_choices")),
        sa.UniqueConstraint("key", name=op.f("uq_choices_key")),
    )
    op.create_index(op.f("ix_choices_pair_id"), "choices", ["pair_id"], unique=False)
    op.create_index("ix_choices_user_made", "choices", ["user_id", "made_at"], unique=False)
    op.create_index(
        "uq_choices_standing", "choices", ["lease_id"], unique=True, postgresql_where=sa.text("undone_at IS NULL")
    )
    for table, column, target in CIRCULAR_KEYS:
        op.create_foreign_key(f"fk_{table}_{column}", table, target, [column], ["id"])


def downgrade() -> None:
    for table, column, _ in reversed(CIRCULAR_KEYS):
        op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")
    op.drop_index("uq_choices_standing", table_name="choices", postgresql_where=sa.text("undone_at IS NULL"))
    op.drop_index("ix_choices_user_made", table_name="choices")
    op.drop_index(op.f("ix_choices_pair_id"), table_name="choices")
    op.drop_table("choices")
    op.drop_index("uq_leases_counted", table_name="leases", postgresql_where=sa.text("purpose = 'counted'"))
    op.drop_index("ix_leases_user_expires", table_name="leases")
    op.drop_table("leases")
    op.drop_table("sample_scores")
    op.drop_index(op.f("ix_pairs_second_id"), table_name="pairs")
    op.drop_index("ix_pairs_open", table_name="pairs", postgresql_where=sa.text("state = 'open'"))
    op.drop_index(op.f("ix_pairs_group_id"), table_name="pairs")
    op.drop_index(op.f("ix_pairs_first_id"), table_name="pairs")
    op.drop_table("pairs")
    op.drop_index(op.f("ix_samples_checkpoint_id"), table_name="samples")
    op.drop_table("samples")
    op.drop_table("metrics")
    op.drop_table("checkpoints")
    op.drop_index(
        "uq_training_runs_active",
        table_name="training_runs",
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.drop_table("training_runs")
    op.drop_index("uq_groups_evaluation", table_name="groups", postgresql_where=sa.text("round_id IS NULL"))
    op.drop_index(op.f("ix_groups_job_id"), table_name="groups")
    op.drop_table("groups")
    op.drop_table("training_sets")
    op.drop_table("round_totals")
    op.drop_index(op.f("ix_jobs_training_run_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_round_id"), table_name="jobs")
    op.drop_index("ix_jobs_claim", table_name="jobs", postgresql_where=sa.text("state IN ('waiting', 'running')"))
    op.drop_table("jobs")
    op.drop_index("ix_events_study", table_name="events")
    op.drop_index("ix_events_round", table_name="events")
    op.drop_table("events")
    op.drop_index(
        "uq_rounds_open_preference_round_of_study",
        table_name="rounds",
        postgresql_where=sa.text("kind = 'preference' AND state IN ('generating', 'labeling', 'training')"),
    )
    op.drop_index(
        "ix_rounds_open",
        table_name="rounds",
        postgresql_where=sa.text("state IN ('generating', 'labeling', 'training')"),
    )
    op.drop_table("rounds")
    op.drop_index(op.f("ix_web_sessions_user_id"), table_name="web_sessions")
    op.drop_table("web_sessions")
    op.drop_table("studies")
    op.drop_index(op.f("ix_sign_in_links_user_id"), table_name="sign_in_links")
    op.drop_table("sign_in_links")
    op.drop_table("prompts")
    op.drop_table("workers")
    op.drop_table("users")
    op.drop_table("prompt_sets")
    op.drop_table("base_models")
