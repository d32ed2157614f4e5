"""Invites: links by which people come in."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, words
from app.models.user import Role


class Invite(Base):
    """A link that lets people in with a role, so many times, until it expires or is revoked.

    Only the SHA-256 of its token is kept. With a study it leads there; `needs_account` asks for a handle and a password
    where otherwise a display name is enough. For paid panels: `choices_wanted` is how many choices make a person
    finished (none: all there is), and what they then get is `return_url` or `completion_code`.
    """

    __tablename__ = "invites"
    __table_args__ = (
        CheckConstraint("uses >= 0 AND (max_uses IS NULL OR uses <= max_uses)", name="uses_within_bound"),
    )

    id: Mapped[Id]
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(words(Role, "role"), default=Role.ANNOTATOR)
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"), index=True)
    needs_account: Mapped[bool] = mapped_column(default=False)
    max_uses: Mapped[int | None]
    uses: Mapped[int] = mapped_column(default=0)
    choices_wanted: Mapped[int | None]
    return_url: Mapped[str | None] = mapped_column(String(2000))
    completion_code: Mapped[str | None] = mapped_column(String(200))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class InviteUse(Base):
    """One person who came in by an invite. `participant` is the id by which an outside panel knows them: opened again
    with the same id, the invite leads to the same person."""

    __tablename__ = "invite_uses"
    __table_args__ = (
        Index("uq_invite_uses_participant", "invite_id", "participant", unique=True),
        Index("uq_invite_uses_user", "invite_id", "user_id", unique=True),
    )

    id: Mapped[Id]
    invite_id: Mapped[int] = mapped_column(ForeignKey("invites.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    participant: Mapped[str | None] = mapped_column(String(200))
    used_at: Mapped[CreatedAt]
