"""What was said in each round, counted by the sweep: by annotator, by prompt, and how far people agree"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ANNOTATOR = (
    "standing", "choices", "first", "second", "tie", "both_bad", "skip", "extra", "late", "sided", "on_left", "gold",
    "right", "repeats", "same", "same_side", "gaps",
)  # fmt: skip
PROMPT = ("drawn", "answers", "ties", "both_bad", "skips", "twos", "alike", "wins", "decided")
JSON = postgresql.JSONB(astext_type=sa.Text())


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def key(table: str, name: str, to: str) -> tuple[sa.Column, sa.ForeignKeyConstraint]:
    """A column and its foreign key, as the naming convention has it."""
    column = sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)
    return column, sa.ForeignKeyConstraint([name], [f"{to}.id"], name=op.f(f"fk_{table}_{name}"))


def upgrade() -> None:
    op.create_table(
        "round_tallies",
        *key("round_tallies", "round_id", "rounds"),
        sa.Column("patterns", JSON, nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        number("took_ms"),
        sa.Column("counted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_round_tallies")),
    )
    op.create_table(
        "annotator_tallies",
        *key("annotator_tallies", "round_id", "rounds"),
        *key("annotator_tallies", "user_id", "users"),
        *key("annotator_tallies", "study_id", "studies"),
        *(number(name) for name in ANNOTATOR),
        sa.Column("gap_seconds", sa.Float(), nullable=False),
        number("compared"),
        sa.Column("agreed", sa.Float(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("round_id", "user_id", name=op.f("pk_annotator_tallies")),
    )
    op.create_index("ix_annotator_tallies_study", "annotator_tallies", ["study_id", "user_id", "round_id"])
    op.create_index("ix_annotator_tallies_user", "annotator_tallies", ["user_id"])
    op.create_table(
        "annotator_spreads",
        *key("annotator_spreads", "round_id", "rounds"),
        *key("annotator_spreads", "user_id", "users"),
        sa.Column("times", JSON, nullable=False),
        sa.Column("beside", JSON, nullable=False),
        sa.PrimaryKeyConstraint("round_id", "user_id", name=op.f("pk_annotator_spreads")),
    )
    op.create_table(
        "prompt_tallies",
        *key("prompt_tallies", "round_id", "rounds"),
        *key("prompt_tallies", "prompt_id", "prompts"),
        *key("prompt_tallies", "study_id", "studies"),
        *(number(name) for name in PROMPT),
        sa.PrimaryKeyConstraint("round_id", "prompt_id", name=op.f("pk_prompt_tallies")),
    )
    op.create_index("ix_prompt_tallies_study", "prompt_tallies", ["study_id", "round_id"])


def downgrade() -> None:
    for table in ("prompt_tallies", "annotator_spreads", "annotator_tallies", "round_tallies"):
        op.drop_table(table)
