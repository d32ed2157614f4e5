"""What each person did in each quarter of an hour: what payments add up"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COUNTED = """
    WITH answers AS (
        SELECT choices.user_id, date_bin('15 minutes', choices.made_at, 'epoch') AS quarter, rounds.study_id, answer,
               choices.undone_at, leases.purpose, least(make_interval(secs => coalesce(response_ms, 0) / 1000.0),
                                                        choices.made_at - leases.given_at, '5 minutes') AS shown,
               choices.made_at - lag(choices.made_at) OVER (
                   PARTITION BY choices.user_id ORDER BY choices.made_at, choices.id) AS gap
        FROM choices
        JOIN leases ON leases.id = choices.lease_id
        JOIN pairs ON pairs.id = choices.pair_id
        JOIN rounds ON rounds.id = pairs.round_id
    )
    INSERT INTO work_quarters (user_id, quarter, study_id, choices, counted, repeats, skipped, seconds)
    SELECT user_id, quarter, study_id, count(*) FILTER (WHERE undone_at IS NULL AND answer <> 'skip'),
           count(*) FILTER (WHERE undone_at IS NULL AND answer <> 'skip' AND purpose = 'counted'),
           count(*) FILTER (WHERE undone_at IS NULL AND answer <> 'skip' AND purpose = 'repeat'),
           count(*) FILTER (WHERE undone_at IS NULL AND answer = 'skip'),
           sum(extract(epoch FROM CASE WHEN gap <= '5 minutes' THEN gap ELSE greatest(shown, '0') END))
    FROM answers GROUP BY user_id, quarter, study_id
"""


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "work_quarters",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quarter", sa.DateTime(timezone=True), nullable=False),
        sa.Column("study_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *(number(name) for name in ("choices", "counted", "repeats", "skipped")),
        sa.Column("seconds", sa.Numeric(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_work_quarters_user_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_work_quarters_study_id")),
        sa.PrimaryKeyConstraint("user_id", "quarter", "study_id", name=op.f("pk_work_quarters")),
    )
    op.create_index("ix_work_quarters_quarter", "work_quarters", ["quarter"])
    op.create_index("ix_work_quarters_counted", "work_quarters", ["counted_at"])
    op.execute(COUNTED)


def downgrade() -> None:
    op.drop_table("work_quarters")
