"""Judges that score on demand, and how far they say what people say"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KINDS_BEFORE = ("chunk", "training", "evaluation", "model_check", "clean_up", "try_it", "export")
ANSWERS = ("first", "tie", "second")


def upgrade() -> None:
    _set_kinds((*KINDS_BEFORE, "scoring"))
    op.add_column("judges", sa.Column("about", sa.String(300), server_default="", nullable=False))
    op.add_column("judges", sa.Column("queue", sa.String(32), server_default="accelerator", nullable=False))
    op.alter_column("judges", "about", server_default=None)
    op.alter_column("judges", "queue", server_default=None)
    op.create_check_constraint("queue", "judges", "queue IN ('accelerator', 'cpu')")
    op.create_table(
        "scorings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=True),
        sa.Column("judge", sa.String(64), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("scored", sa.BigInteger(), nullable=False),
        sa.Column("unreadable", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", sa.String(200), nullable=True),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["asked_by_id"], ["users.id"], name=op.f("fk_scorings_asked_by_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_scorings_job_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_scorings_round_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_scorings_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorings")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_scorings_idempotency_key")),
        sa.UniqueConstraint("job_id", name=op.f("uq_scorings_job_id")),
    )
    op.create_index("ix_scorings_study", "scorings", ["study_id", "id"])
    op.create_table(
        "judge_tallies",
        sa.Column("round_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("judge", sa.String(64), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        *(sa.Column(f"{judge}_{people}", sa.BigInteger(), nullable=False) for judge in ANSWERS for people in ANSWERS),
        sa.Column("pearson", sa.Float(), nullable=True),
        sa.Column("spearman", sa.Float(), nullable=True),
        sa.Column("bins", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_judge_tallies_round_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_judge_tallies_study_id")),
        sa.PrimaryKeyConstraint("round_id", "judge", name=op.f("pk_judge_tallies")),
    )
    op.create_index("ix_judge_tallies_study", "judge_tallies", ["study_id", "judge", "round_id"])
    op.create_table(
        "judge_disputes",
        sa.Column("round_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("judge", sa.String(64), nullable=False),
        sa.Column("pair_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("gain", sa.Float(), nullable=False),
        sa.Column("p", sa.Float(), nullable=False),
        sa.Column("choices", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=op.f("fk_judge_disputes_pair_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_judge_disputes_round_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_judge_disputes_study_id")),
        sa.PrimaryKeyConstraint("round_id", "judge", "pair_id", name=op.f("pk_judge_disputes")),
    )
    op.create_index("ix_judge_disputes_study", "judge_disputes", ["study_id", "judge", "weight"])
    # rounds in which judges have scored what people chose between are counted once more
    op.execute("UPDATE round_tallies SET is_stale = true")


def downgrade() -> None:
    op.drop_table("judge_disputes")
    op.drop_table("judge_tallies")
    op.drop_table("scorings")
    op.execute("DELETE FROM jobs WHERE kind = 'scoring'")
    op.drop_constraint("queue", "judges", type_="check")
    op.drop_column("judges", "queue")
    op.drop_column("judges", "about")
    _set_kinds(KINDS_BEFORE)


def _set_kinds(kinds: tuple[str, ...]) -> None:
    op.drop_constraint("kind", "jobs", type_="check")
    op.create_check_constraint("kind", "jobs", f"kind IN ({', '.join(repr(kind) for kind in kinds)})")
