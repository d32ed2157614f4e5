"""People and judges who answer, and how people are known to the site."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, words


class UserKind(StrEnum):
    PERSON = "person"
    JUDGE = "judge"


class Role(StrEnum):
    ANNOTATOR = "annotator"
    RESEARCHER = "researcher"
    ADMIN = "admin"


class User(Base):
    """Someone who answers pairs or runs studies: a person, or a judge (a scoring function with a name).

    A judge's handle is its name; it never signs in. A disabled user keeps every choice and cannot act any more. A guest
    came by an invite with a display name alone and comes back by a personal link; a password, an e-mail or an outside
    identity (`oidc_issuer`, `oidc_subject`) makes an account of it. `email_verified` says that an admin or the outside
    provider vouches for the e-mail: only such a one may link an outside identity. `preferences` holds what people set
    for themselves: language, keys, reminders. `import_id` marks someone whose answers were imported: known by the
    number or name in the files alone, they never sign in, and no list of people shows them.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", func.lower(text("email")), unique=True),
        Index("uq_users_oidc", "oidc_issuer", "oidc_subject", unique=True),
        CheckConstraint("(oidc_issuer IS NULL) = (oidc_subject IS NULL)", name="outside_identity_whole"),
        CheckConstraint("import_id IS NULL OR disabled_at IS NOT NULL", name="outside_is_disabled"),
    )

    id: Mapped[Id]
    kind: Mapped[UserKind] = mapped_column(words(UserKind, "kind"), default=UserKind.PERSON)
    role: Mapped[Role] = mapped_column(words(Role, "role"), default=Role.ANNOTATOR)
    handle: Mapped[str] = mapped_column(String(200), unique=True)
    display_name: Mapped[str] = mapped_column(String(200))
    is_guest: Mapped[bool] = mapped_column(default=False)
    email: Mapped[str | None] = mapped_column(String(320))
    email_verified: Mapped[bool] = mapped_column(default=False)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    oidc_issuer: Mapped[str | None] = mapped_column(String(500))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))
    preferences: Mapped[Json] = mapped_column(default=dict)
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id", use_alter=True))
    created_at: Mapped[CreatedAt]
    disabled_at: Mapped[datetime | None]


class WebSession(Base):
    """One signed-in browser, until its end or sign-out. The cookie's random token is kept as its SHA-256 only.

    `agent` names the browser for its owner's list; `seen_at` is the last time it asked for something, to some minutes.
    """

    __tablename__ = "web_sessions"

    id: Mapped[Id]
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    agent: Mapped[str] = mapped_column(String(100), default="")
    created_at: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class LinkPurpose(StrEnum):
    SIGN_IN = "sign_in"
    RESET = "reset"
    PERSONAL = "personal"


class SignInLink(Base):
    """A link that belongs to one user. Only the SHA-256 of its token is kept.

    `sign_in` signs in and `reset` sets a new password, each once; `personal` signs in as often as it is opened, until
    it is revoked or a new one takes its place (at most one of a user stands).
    """

    __tablename__ = "sign_in_links"
    __table_args__ = (
        Index(
            "uq_sign_in_links_personal",
            "user_id",
            unique=True,
            postgresql_where=text("purpose = 'personal' AND revoked_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    purpose: Mapped[LinkPurpose] = mapped_column(words(LinkPurpose, "purpose"), default=LinkPurpose.SIGN_IN)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
