"""Advisory locks, held to the transaction's end. They order what must not overlap without writing a shared row."""

from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute, Session


class Lock(IntEnum):
    SWEEP = 1
    ROUND_CHOICES = 2
    DELIVERIES = 3
    WORK = 4
    TRIES = 5
    EXPORTS = 6


def exclusive(session: Session, lock: Lock, key: int = 0) -> None:
    session.execute(select(func.pg_advisory_xact_lock(_number(lock, key))))


def shared(lock: Lock, key: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[Any]:
    """To be selected beside a row: takes the lock on `key`, a column of it, together with others who share it."""
    return func.pg_advisory_xact_lock_shared(literal_column(str(int(lock) << 56)).op("|")(key))


def tried(session: Session, lock: Lock, key: int = 0) -> bool:
    """Take the lock if nobody holds it; says whether it was taken."""
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(_number(lock, key)))))


def _number(lock: Lock, key: int) -> int:
    return (int(lock) << 56) | key
