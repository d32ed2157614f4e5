"""How far pictures of a prompt lie apart in colour, beside their structure"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appearances", sa.Column("colours_apart", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("appearances", "colours_apart")
