"""The history: one row for every move and every admin action, written in the same transaction; and with it what is
told of a round to webhooks and by e-mail."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Base, Event, Round, Study, User
from app.services import outbox


def write(session: Session, what: str, obj: Base, *, actor: User | None = None, **details: Any) -> Event:
    """Write that `actor` (none: the system) did `what` to `obj`. The study and round are taken from the object."""
    session.flush()
    event = Event(
        actor_id=actor.id if actor else None,
        what=what,
        object_type=obj.__tablename__,
        object_id=obj.id,  # type: ignore[attr-defined]
        study_id=obj.id if isinstance(obj, Study) else getattr(obj, "study_id", None),
        round_id=obj.id if isinstance(obj, Round) else getattr(obj, "round_id", None),
        details=details,
    )
    session.add(event)
    outbox.announce(session, event, obj)
    return event


def of_round(session: Session, round_id: int, *, limit: int = 100) -> list[Event]:
    """The round's newest events, newest first."""
    return list(session.scalars(select(Event).where(Event.round_id == round_id).order_by(Event.id.desc()).limit(limit)))
