"""The same request sent twice is done once: what carries an idempotency key gives what the key made the first time."""

from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.models import Export, Push, Round, Scoring, TryIt

Row = TypeVar("Row", Export, Push, Round, Scoring, TryIt)


def made_before(session: Session, table: type[Row], key: str | None, *, study_id: int) -> Row | None:
    """What the key made, None where it is new or there is none. Raises `Conflict` where it was made for another
    study: then it is not the same request."""
    if key is None:
        return None
    made = session.scalars(select(table).where(table.idempotency_key == key)).one_or_none()
    if made is not None and made.study_id != study_id:
        raise Conflict("This Idempotency-Key belongs to a request about another study.", "Make a new key.")
    return made
