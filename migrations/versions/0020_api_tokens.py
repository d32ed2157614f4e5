"""Personal tokens with scopes; scripts' tokens, which were sessions, become some"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MOVE = """
INSERT INTO api_tokens (user_id, name, token_sha256, scopes, created_at, expires_at, used_at)
SELECT u.id, 'A script''s token', s.token_sha256,
       CASE u.role
         WHEN 'admin' THEN '["profile", "annotate", "read", "data", "studies", "people", "house"]'
         WHEN 'researcher' THEN '["profile", "annotate", "read", "data"]'
         ELSE '["profile", "annotate"]'
       END::jsonb,
       s.created_at, s.expires_at, s.seen_at
FROM web_sessions s JOIN users u ON u.id = s.user_id
WHERE s.agent = 'token' AND s.ended_at IS NULL
"""


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_tokens_token_sha256")),
    )
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"])
    op.execute(MOVE)
    op.execute("UPDATE web_sessions SET ended_at = now() WHERE agent = 'token' AND ended_at IS NULL")


def downgrade() -> None:
    op.drop_table("api_tokens")
