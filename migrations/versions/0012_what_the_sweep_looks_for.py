"""What the sweep and the round's page look for stands in indexes; rounds remember that their trajectories are gone"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rounds", sa.Column("trajectories_gone_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_rounds_trajectories", "rounds", ["study_id", "number"],
        postgresql_where=sa.text("kind = 'preference' AND trajectories_gone_at IS NULL"),
    )  # fmt: skip
    op.create_index("ix_rounds_ended", "rounds", ["study_id", "ended_at"])
    op.create_index("ix_jobs_of_house", "jobs", ["kind", "id"], postgresql_where=sa.text("study_id IS NULL"))
    op.create_index("ix_choices_made", "choices", ["made_at"])
    op.create_index(
        "ix_choices_undone", "choices", ["undone_at"], postgresql_where=sa.text("undone_at IS NOT NULL")
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_choices_undone", "choices")
    op.drop_index("ix_choices_made", "choices")
    op.drop_index("ix_jobs_of_house", "jobs")
    op.drop_index("ix_rounds_ended", "rounds")
    op.drop_index("ix_rounds_trajectories", "rounds")
    op.drop_column("rounds", "trajectories_gone_at")
