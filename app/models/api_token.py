"""The tokens by which programs come in."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id


class ApiToken(Base):
    """A personal token: a program that carries it acts as its owner, for its scopes alone, until it ends or is revoked.

    The token is shown once and kept as its SHA-256. `scopes` are words of `app.services.scopes.Scope`; `used_at` is the
    last request that it let in, to a minute. Rows stay when they are over: they say what a program could once do.
    """

    __tablename__ = "api_tokens"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
