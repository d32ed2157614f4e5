"""Prompts have weights"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prompts", sa.Column("weight", sa.BigInteger(), nullable=False, server_default="1"))
    op.alter_column("prompts", "weight", server_default=None)  # from here on the model gives it
    op.create_check_constraint("weight_within_bounds", "prompts", "weight BETWEEN 1 AND 100")


def downgrade() -> None:
    op.drop_column("prompts", "weight")
