"""Tries of several policies: the playground's, which stay"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tries", sa.Column("policies", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("tries", sa.Column("draws", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("tries", sa.Column("sampler", sa.String(32), server_default="study", nullable=False))
    op.add_column("tries", sa.Column("idempotency_key", sa.String(200), nullable=True))
    op.alter_column("tries", "draws", server_default=None)
    op.alter_column("tries", "sampler", server_default=None)
    op.create_check_constraint("sampler", "tries", "sampler IN ('study', 'ddim')")
    op.create_check_constraint("kept_of_study", "tries", "policies IS NULL OR study_id IS NOT NULL")
    op.create_unique_constraint(op.f("uq_tries_idempotency_key"), "tries", ["idempotency_key"])
    op.create_index(op.f("ix_tries_study_id"), "tries", ["study_id"])


def downgrade() -> None:
    op.execute("DELETE FROM tries WHERE policies IS NOT NULL")
    op.drop_index(op.f("ix_tries_study_id"), "tries")
    op.drop_constraint(op.f("uq_tries_idempotency_key"), "tries", type_="unique")
    op.drop_constraint("kept_of_study", "tries", type_="check")
    op.drop_constraint("sampler", "tries", type_="check")
    for column in ("idempotency_key", "sampler", "draws", "policies"):
        op.drop_column("tries", column)
