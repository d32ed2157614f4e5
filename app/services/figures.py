"""Counts of what is there, for whoever watches the installation."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Interval, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.models import Job, JobState, Queue, Round, RoundState, Worker

ALIVE_FOR = timedelta(minutes=1)


@dataclass(frozen=True)
class Figure:
    """One count by the words of a label, zeros included."""

    name: str
    help: str
    label: str
    values: dict[str, int]


def every(session: Session) -> list[Figure]:
    """Rounds and jobs by state, live workers by queue."""
    return [
        Figure("tastemaker_rounds", "Rounds by state.", "state", _by_word(session, Round.state, RoundState)),
        Figure("tastemaker_jobs", "Jobs by state.", "state", _by_word(session, Job.state, JobState)),
        Figure("tastemaker_workers", "Workers seen in the last minute, by queue.", "queue", _workers(session)),
    ]


def _by_word(session: Session, column: "InstrumentedAttribute[StrEnum]", words: type[StrEnum]) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).group_by(column))
    found = dict(rows.all())
    return {word.value: found.get(word, 0) for word in words}


def _workers(session: Session) -> dict[str, int]:
    alive = Worker.seen_at > func.now() - literal(ALIVE_FOR, Interval)
    rows = session.execute(select(Worker.queue, func.count()).where(alive).group_by(Worker.queue))
    found = dict(rows.all())
    return {queue.value: found.get(queue, 0) for queue in Queue}
