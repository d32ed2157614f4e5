"""Accounts, invites and the quality of labels"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# columns that rows from before need a value for
FILLED = [
    ("choices", "extra"),
    ("choices", "reasons"),
    ("choices", "comment"),
    ("round_totals", "open_answered"),
    ("sign_in_links", "purpose"),
    ("users", "email_verified"),
    ("users", "is_guest"),
    ("users", "preferences"),
    ("web_sessions", "agent"),
]


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_consents_study_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_consents_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sa.UniqueConstraint("user_id", "study_id", "version", name=op.f("uq_consents_user_id_study_id_version")),
    )
    op.create_table(
        "guide_pictures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_guide_pictures_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guide_pictures")),
    )
    op.create_index(op.f("ix_guide_pictures_study_id"), "guide_pictures", ["study_id"], unique=False)
    op.create_table(
        "invites",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "annotator", "researcher", "admin", name="role", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("study_id", sa.BigInteger(), nullable=True),
        sa.Column("needs_account", sa.Boolean(), nullable=False),
        sa.Column("max_uses", sa.BigInteger(), nullable=True),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("choices_wanted", sa.BigInteger(), nullable=True),
        sa.Column("return_url", sa.String(length=2000), nullable=True),
        sa.Column("completion_code", sa.String(length=200), nullable=True),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "uses >= 0 AND (max_uses IS NULL OR uses <= max_uses)", name=op.f("ck_invites_uses_within_bound")
        ),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_invites_created_by_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_invites_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invites")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_invites_token_sha256")),
    )
    op.create_index(op.f("ix_invites_study_id"), "invites", ["study_id"], unique=False)
    op.create_table(
        "invite_uses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("invite_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("participant", sa.String(length=200), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["invite_id"], ["invites.id"], name=op.f("fk_invite_uses_invite_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invite_uses_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invite_uses")),
    )
    op.create_index(op.f("ix_invite_uses_user_id"), "invite_uses", ["user_id"], unique=False)
    op.create_index("uq_invite_uses_participant", "invite_uses", ["invite_id", "participant"], unique=True)
    op.create_index("uq_invite_uses_user", "invite_uses", ["invite_id", "user_id"], unique=True)
    op.create_table(
        "participations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("guidelines_sha256", sa.String(length=64), nullable=True),
        sa.Column("warmed_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_reason", sa.String(), nullable=True),
        sa.Column("paused_by_id", sa.BigInteger(), nullable=True),
        sa.Column("gold_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("thanked_round_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["paused_by_id"], ["users.id"], name=op.f("fk_participations_paused_by_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_participations_study_id")),
        sa.ForeignKeyConstraint(["thanked_round_id"], ["rounds.id"], name=op.f("fk_participations_thanked_round_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_participations_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participations")),
        sa.UniqueConstraint("study_id", "user_id", name=op.f("uq_participations_study_id_user_id")),
    )
    op.create_index(op.f("ix_participations_user_id"), "participations", ["user_id"], unique=False)
    op.create_table(
        "gold_answers",
        sa.Column("pair_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "answer",
            sa.Enum(
                "first",
                "second",
                "tie",
                "both_bad",
                "skip",
                name="answer",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("set_by_id", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=op.f("fk_gold_answers_pair_id")),
        sa.ForeignKeyConstraint(["set_by_id"], ["users.id"], name=op.f("fk_gold_answers_set_by_id")),
        sa.PrimaryKeyConstraint("pair_id", name=op.f("pk_gold_answers")),
    )
    op.add_column("choices", sa.Column("extra", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column(
        "choices", sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="[]")
    )
    op.add_column("choices", sa.Column("comment", sa.String(), nullable=False, server_default=""))
    op.add_column(
        "leases",
        sa.Column(
            "expected",
            sa.Enum(
                "first",
                "second",
                "tie",
                "both_bad",
                "skip",
                name="expected",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
    )
    op.create_index(
        "uq_leases_uncounted",
        "leases",
        ["user_id", "purpose", "pair_id"],
        unique=True,
        postgresql_where=sa.text("purpose <> 'counted'"),
    )
    op.create_index("ix_leases_expires", "leases", ["expires_at"], unique=False)
    op.create_index(
        "ix_pairs_judged",
        "pairs",
        ["round_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'closed' AND filled >= 3"),
    )
    op.add_column(
        "round_totals",
        sa.Column("open_answered", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}"),
    )
    op.add_column(
        "sign_in_links",
        sa.Column(
            "purpose",
            sa.Enum(
                "sign_in", "reset", "personal", name="purpose", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
            server_default="sign_in",
        ),
    )
    op.add_column("sign_in_links", sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "uq_sign_in_links_personal",
        "sign_in_links",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("purpose = 'personal' AND revoked_at IS NULL"),
    )
    op.add_column("users", sa.Column("is_guest", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("users", sa.Column("email", sa.String(length=320), nullable=True))
    op.add_column("users", sa.Column("email_verified", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("users", sa.Column("password_hash", sa.String(length=200), nullable=True))
    op.add_column("users", sa.Column("oidc_issuer", sa.String(length=500), nullable=True))
    op.add_column("users", sa.Column("oidc_subject", sa.String(length=255), nullable=True))
    op.add_column(
        "users", sa.Column("preferences", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}")
    )
    op.add_column("web_sessions", sa.Column("agent", sa.String(length=100), nullable=False, server_default=""))
    op.add_column(
        "web_sessions",
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index("uq_users_email", "users", [sa.literal_column("lower(email)")], unique=True)
    for table, column in FILLED:  # rows that were there have a value now; from here on the models give it
        op.alter_column(table, column, server_default=None)
    op.create_check_constraint("outside_identity_whole", "users", "(oidc_issuer IS NULL) = (oidc_subject IS NULL)")
    op.create_index("uq_users_oidc", "users", ["oidc_issuer", "oidc_subject"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_users_oidc", table_name="users")
    op.drop_index("uq_users_email", table_name="users")
    op.drop_column("web_sessions", "seen_at")
    op.drop_column("web_sessions", "agent")
    op.drop_column("users", "preferences")
    op.drop_column("users", "oidc_subject")
    op.drop_column("users", "oidc_issuer")
    op.drop_column("users", "password_hash")
    op.drop_column("users", "email_verified")
    op.drop_column("users", "email")
    op.drop_column("users", "is_guest")
    op.drop_index(
        "uq_sign_in_links_personal",
        table_name="sign_in_links",
        postgresql_where=sa.text("purpose = 'personal' AND revoked_at IS NULL"),
    )
    op.drop_column("sign_in_links", "revoked_at")
    op.drop_column("sign_in_links", "purpose")
    op.drop_column("round_totals", "open_answered")
    op.drop_index("ix_pairs_judged", table_name="pairs", postgresql_where=sa.text("state = 'closed' AND filled >= 3"))
    op.drop_index("ix_leases_expires", table_name="leases")
    op.drop_index("uq_leases_uncounted", table_name="leases", postgresql_where=sa.text("purpose <> 'counted'"))
    op.drop_column("leases", "expected")
    op.drop_column("choices", "comment")
    op.drop_column("choices", "reasons")
    op.drop_column("choices", "extra")
    op.drop_table("gold_answers")
    op.drop_index(op.f("ix_participations_user_id"), table_name="participations")
    op.drop_table("participations")
    op.drop_index("uq_invite_uses_user", table_name="invite_uses")
    op.drop_index("uq_invite_uses_participant", table_name="invite_uses")
    op.drop_index(op.f("ix_invite_uses_user_id"), table_name="invite_uses")
    op.drop_table("invite_uses")
    op.drop_index(op.f("ix_invites_study_id"), table_name="invites")
    op.drop_table("invites")
    op.drop_index(op.f("ix_guide_pictures_study_id"), table_name="guide_pictures")
    op.drop_table("guide_pictures")
    op.drop_table("consents")
