"""People and judges who answer, and how people are known to the site."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, words


class UserKind(StrEnum):
    PERSON = "person"
    JUDGE = "judge"


class Role(StrEnum):
    ANNOTATOR = "annotator"
    RESEARCHER = "researcher"
    ADMIN = "admin"


class User(Base):
    """Someone who answers pairs or runs studies: a person, or a judge (a scoring function with a name).

    A judge's handle is its name; it never signs in. A disabled user keeps every choice and cannot act any more.
    """

    __tablename__ = "users"

    id: Mapped[Id]
    kind: Mapped[UserKind] = mapped_column(words(UserKind, "kind"), default=UserKind.PERSON)
    role: Mapped[Role] = mapped_column(words(Role, "role"), default=Role.ANNOTATOR)
    handle: Mapped[str] = mapped_column(String(200), unique=True)
    display_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[CreatedAt]
    disabled_at: Mapped[datetime | None]


class WebSession(Base):
    """One signed-in browser, until its end or sign-out. The cookie's random token is kept as its SHA-256 only."""

    __tablename__ = "web_sessions"

    id: Mapped[Id]
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SignInLink(Base):
    """A link that signs one user in, once. Only the SHA-256 of its token is kept."""

    __tablename__ = "sign_in_links"

    id: Mapped[Id]
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
