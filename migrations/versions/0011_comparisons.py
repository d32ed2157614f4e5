"""Comparisons say how the pictures were drawn that they show"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "rounds",
        sa.Column(
            "sampler",
            sa.Enum("study", "ddim", name="sampler", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
    )
    op.execute("UPDATE rounds SET sampler = 'study' WHERE kind = 'evaluation'")
    op.create_check_constraint("comparison_has_sampler", "rounds", "(kind = 'evaluation') = (sampler IS NOT NULL)")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_rounds_comparison_has_sampler"), "rounds", type_="check")
    op.drop_column("rounds", "sampler")
