"""The log of a round: what its workers said, stored in batches, bounded by job, and read in pages.

Of each job the newest `MOST_LINES` lines are kept over all its tries, so that how it ended is always among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.models import Checkpoint, Job, JobKind, LogLevel, LogLine, Round, RoundKind, TrainingRun
from app.models.log_line import MOST_CHARACTERS
from app.services.jobs import Claim

MOST_LINES = 500
NEWEST = 10
LEVELS = tuple(LogLevel)
OF_A_ROUND = (JobKind.CHUNK, JobKind.TRAINING, JobKind.EVALUATION)


@dataclass(frozen=True)
class Said:
    """One thing that a worker said, by its own clock."""

    at: datetime
    level: LogLevel
    message: str


@dataclass(frozen=True)
class Line:
    """A line as it is shown. `number` is the chunk's place in the round or the run's number, none for evaluation."""

    id: int
    at: datetime
    level: LogLevel
    job_id: int
    kind: JobKind
    number: int | None
    attempt: int
    worker: str
    message: str


@dataclass(frozen=True)
class Wanted:
    """Which lines: of one job, of one kind of job, from a level on."""

    job: int | None = None
    kind: JobKind | None = None
    level: LogLevel | None = None


def store(session: Session, claim: Claim, said: Sequence[Said], *, round_id: int) -> None:
    """Write what the attempt said, in its order, and drop the job's oldest lines beyond `MOST_LINES`.

    It asks not whether the attempt still holds the job: what was said was said.
    """
    _write(session, claim.job_id, claim.attempt, claim.worker, said, round_id)


def note(session: Session, job: Job, level: LogLevel, message: str, *, at: datetime) -> None:
    """Write one line about a job that no worker is left to write; none where the job is of no round."""
    round_id = _round_of(session, job.kind, job.round_id, job.study_id, job.checkpoint_id)
    if round_id is not None:
        _write(session, job.id, job.attempt, job.worker or "", [Said(at, level, message)], round_id)


def round_of(session: Session, claim: Claim) -> int | None:
    """The round whose log a job's lines belong to; none for jobs of the house."""
    return _round_of(session, claim.kind, claim.round_id, claim.study_id, claim.checkpoint_id)


def newest(session: Session, round_id: int) -> list[Line]:
    """The round's last few lines, newest first: what its page shows live."""
    return lines(session, round_id, Wanted(), limit=NEWEST)


def lines(session: Session, round_id: int, wanted: Wanted, *, before: int | None = None, limit: int) -> list[Line]:
    """The round's lines, newest first; `before` is the id that the page before ended with."""
    query = _query(round_id, wanted).order_by(LogLine.id.desc()).limit(limit)
    return _read(session, query if before is None else query.where(LogLine.id < before))


def oldest_first(session: Session, round_id: int, wanted: Wanted, *, after: int = 0, limit: int = 1000) -> list[Line]:
    """The round's lines after the id `after` in their order, for a download in pieces."""
    return _read(session, _query(round_id, wanted).where(LogLine.id > after).order_by(LogLine.id).limit(limit))


def _write(
    session: Session, job_id: int, attempt: int, worker: str, said: Sequence[Said], round_id: int
) -> None:  # fmt: skip
    rows = [
        {
            "job_id": job_id, "round_id": round_id, "attempt": attempt, "worker": worker, "at": one.at,
            "level": one.level, "message": _storable(one.message),
        }
        for one in said
    ]  # fmt: skip
    if not rows:
        return
    session.execute(insert(LogLine), rows)
    oldest = select(LogLine.id).where(LogLine.job_id == job_id).order_by(LogLine.id.desc()).offset(MOST_LINES).limit(1)
    session.execute(
        delete(LogLine).where(LogLine.job_id == job_id, LogLine.id <= oldest.scalar_subquery()),
        execution_options={"synchronize_session": False},
    )


def _storable(message: str) -> str:
    """The message as a text column takes it; of a long one the end is kept, where a traceback says what went wrong."""
    text = message.replace("\0", "").encode(errors="replace").decode()
    return text if len(text) <= MOST_CHARACTERS else f"…{text[1 - MOST_CHARACTERS :]}"


def _round_of(
    session: Session, kind: JobKind, round_id: int | None, study_id: int | None, checkpoint_id: int | None
) -> int | None:
    """A checkpoint's evaluation pictures are told with the round that made it, the base's with the first round."""
    if kind is not JobKind.EVALUATION or round_id is not None:
        return round_id
    if checkpoint_id is not None:
        made = select(TrainingRun.round_id).join(Checkpoint, Checkpoint.training_run_id == TrainingRun.id)
        return session.scalar(made.where(Checkpoint.id == checkpoint_id))
    first = select(Round.id).where(Round.study_id == study_id, Round.kind == RoundKind.PREFERENCE)
    return session.scalar(first.order_by(Round.number).limit(1))


def _query(round_id: int, wanted: Wanted) -> Any:
    query: Any = (
        select(LogLine, Job.kind, Job.payload["chunk"].as_integer(), TrainingRun.number)
        .join(Job, Job.id == LogLine.job_id)
        .outerjoin(TrainingRun, TrainingRun.id == Job.training_run_id)
        .where(LogLine.round_id == round_id)
    )
    if wanted.job is not None:
        query = query.where(LogLine.job_id == wanted.job)
    if wanted.kind is not None:
        query = query.where(Job.kind == wanted.kind)
    if wanted.level is not None:
        query = query.where(LogLine.level.in_(LEVELS[LEVELS.index(wanted.level) :]))
    return query


def _read(session: Session, query: Any) -> list[Line]:
    return [
        Line(
            row.id, row.at, row.level, row.job_id, kind, chunk + 1 if chunk is not None else run, row.attempt,
            row.worker, row.message,
        )
        for row, kind, chunk, run in session.execute(query)
    ]  # fmt: skip
