"""Indexes for dealing: open pairs in one direction, and the standing choices of a pair by person."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")
STANDING = sa.text("undone_at IS NULL")


def upgrade() -> None:
    op.drop_index("ix_pairs_open", "pairs", postgresql_where=OPEN)
    op.create_index("ix_pairs_open", "pairs", ["round_id", "filled", "id"], postgresql_where=OPEN)
    op.create_index("ix_choices_pair_user", "choices", ["pair_id", "user_id"], postgresql_where=STANDING)


def downgrade() -> None:
    op.drop_index("ix_choices_pair_user", "choices", postgresql_where=STANDING)
    op.drop_index("ix_pairs_open", "pairs", postgresql_where=OPEN)
    op.create_index("ix_pairs_open", "pairs", ["round_id", sa.text("filled DESC"), "id"], postgresql_where=OPEN)
