"""Advisory locks, held to the transaction's end. They order what must not overlap without writing a shared row."""

from enum import IntEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session


class Lock(IntEnum):
    SWEEP = 1
    ROUND_CHOICES = 2


def exclusive(session: Session, lock: Lock, key: int) -> None:
    session.execute(select(func.pg_advisory_xact_lock(_number(lock, key))))


def shared(session: Session, lock: Lock, key: int) -> None:
    session.execute(select(func.pg_advisory_xact_lock_shared(_number(lock, key))))


def tried(session: Session, lock: Lock, key: int = 0) -> bool:
    """Take the lock if nobody holds it; says whether it was taken."""
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(_number(lock, key)))))


def _number(lock: Lock, key: int) -> int:
    return (int(lock) << 56) | key
