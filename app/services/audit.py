"""The audit log: who did what, to what, and when, in pages. Two queries a page, however long the history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import Event, Study, User
from app.models.base import Json

SYSTEM = "system"
MOST_NAMED = 100


@dataclass(frozen=True)
class AuditLine:
    """One event. No actor: the system itself, a worker or the sweep."""

    id: int
    at: datetime
    actor_id: int | None
    actor: str | None
    what: str
    object_type: str
    object_id: int
    object_name: str | None
    study_id: int | None
    study: str | None
    round_id: int | None
    details: Json


@dataclass(frozen=True)
class Wanted:
    """Which events: of people whose name has `who` in it (or of the `system`), of a kind of object, of a study."""

    who: str = ""
    kind: str = ""
    study: int | None = None


def lines(session: Session, wanted: Wanted, *, before: int | None = None, limit: int = 100) -> list[AuditLine]:
    """Events, newest first; `before` is the id that the page before ended with."""
    query = _query(wanted).order_by(Event.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Event.id < before)
    return _named(session, session.execute(query).all())


def oldest_first(session: Session, wanted: Wanted, *, after: int = 0, limit: int = 1000) -> list[AuditLine]:
    """Events after the id `after` in their order, for a download in pieces."""
    query = _query(wanted).where(Event.id > after).order_by(Event.id).limit(limit)
    return _named(session, session.execute(query).all())


def kinds(session: Session) -> list[str]:
    """Kinds of objects that events were written of. Asked one after the other, each by the index."""
    found: list[str] = []
    query = select(Event.object_type).order_by(Event.object_type).limit(1)
    kind = session.scalar(query)
    while kind is not None:
        found.append(kind)
        kind = session.scalar(query.where(Event.object_type > kind))
    return found


def _query(wanted: Wanted) -> Any:
    query: Any = (
        select(Event, User.display_name, Study.name)
        .outerjoin(User, User.id == Event.actor_id)
        .outerjoin(Study, Study.id == Event.study_id)
    )
    who = wanted.who.strip()
    if who == SYSTEM:
        query = query.where(Event.actor_id.is_(None))
    elif who:
        by_name = or_(User.handle.icontains(who, autoescape=True), User.display_name.icontains(who, autoescape=True))
        query = query.where(Event.actor_id.in_(select(User.id).where(by_name).limit(MOST_NAMED)))
    if wanted.kind:
        query = query.where(Event.object_type == wanted.kind)
    if wanted.study is not None:
        query = query.where(Event.study_id == wanted.study)
    return query


def _named(session: Session, rows: Any) -> list[AuditLine]:
    """The rows as lines; people who are the object are named too."""
    of_people = {event.object_id for event, _, _ in rows if event.object_type == User.__tablename__}
    names = (
        dict(session.execute(select(User.id, User.display_name).where(User.id.in_(of_people))).all())
        if of_people
        else {}
    )
    return [
        AuditLine(
            event.id, event.at, event.actor_id, actor, event.what, event.object_type, event.object_id,
            names.get(event.object_id) if event.object_type == User.__tablename__ else None,
            event.study_id, study, event.round_id, event.details,
        )
        for event, actor, study in rows
    ]  # fmt: skip
