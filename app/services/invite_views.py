"""Invites as lists show them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Invite, Role, Study

OPEN, USED_UP, EXPIRED, REVOKED = "open", "used_up", "expired", "revoked"


@dataclass(frozen=True)
class InviteLine:
    """One invite with its study's name and its state now: open, used_up, expired or revoked."""

    id: int
    name: str
    role: Role
    study_id: int | None
    study: str | None
    state: str
    needs_account: bool
    uses: int
    max_uses: int | None
    choices_wanted: int | None
    return_url: str | None
    completion_code: str | None
    created_at: datetime
    expires_at: datetime


def lines(session: Session, *, before: int | None = None, limit: int = 500) -> list[InviteLine]:
    """The newest invites first, at most `limit`, with an id below `before`."""
    query = _lines().order_by(Invite.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Invite.id < before)
    return [InviteLine(**row) for row in session.execute(query).mappings()]


def line(session: Session, invite_id: int) -> InviteLine:
    """One invite. Raises `NotFound`."""
    row = session.execute(_lines().where(Invite.id == invite_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no invite {invite_id}.")
    return InviteLine(**row)


def _lines() -> Select[tuple[object, ...]]:
    state = case(
        (Invite.revoked_at.is_not(None), REVOKED),
        (Invite.uses >= Invite.max_uses, USED_UP),
        (Invite.expires_at <= func.now(), EXPIRED),
        else_=OPEN,
    )
    names = [name for name in InviteLine.__dataclass_fields__ if name not in {"study", "state"}]
    columns = [getattr(Invite, name) for name in names]
    return select(*columns, Study.name.label("study"), state.label("state")).outerjoin(Study)
