"""The house as it is now: its workers, its queues, its failed jobs. Read-only, a fixed number of queries each.

Answers hold facts and moments, no times relative to now, so that two of them are equal exactly where nothing changed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, and_, func, literal, select
from sqlalchemy.orm import Session

from app.models import (
    FINAL,
    Hold,
    Job,
    JobKind,
    JobState,
    ModelCheck,
    Queue,
    Round,
    RoundKind,
    RoundState,
    Study,
    Worker,
)
from app.services.jobs import ROUND_GOES_ON, how_far
from app.services.round_views import DRAWS, WORKER_ALIVE

SEEN_WITHIN = timedelta(days=7)
STUCK_AFTER = timedelta(minutes=5)
NOTHING = literal(None)


@dataclass(frozen=True)
class JobLine:
    """A job in the words of a list: what it is, whose it is, how far, and what went wrong."""

    id: int
    kind: JobKind
    queue: Queue
    state: JobState
    study_id: int | None
    study_name: str | None
    round_id: int | None
    round_kind: RoundKind | None
    round_number: int | None
    model_name: str | None
    attempt: int
    failures: int
    worker: str | None
    error: str | None
    done: int
    total: int
    unit: str
    per_second: float
    created_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None
    may_retry: bool

    @property
    def seconds_left(self) -> float | None:
        """An estimate from its speed; none while it has none."""
        return (self.total - self.done) / self.per_second if self.per_second else None


@dataclass(frozen=True)
class WorkerNow:
    """A worker process and what it has in hand. `stuck` says that its job has not moved for five minutes."""

    name: str
    queue: Queue
    device: str
    version: str
    memory_used: int | None
    memory_total: int | None
    started_at: datetime
    seen_at: datetime
    alive: bool
    job: JobLine | None
    stuck: bool

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith(("cuda", "mps"))


@dataclass(frozen=True)
class QueueNow:
    """A queue: what waits, what runs, since when the oldest has been waiting, and how many workers serve it.

    `held` are jobs of rounds on hold: they wait for an admin and not for a worker.
    """

    name: Queue
    waiting: int
    held: int
    running: int
    oldest: datetime | None
    workers: int
    failed: int

    @property
    def is_stranded(self) -> bool:
        """Jobs wait and nobody is there to take them."""
        return self.waiting > 0 and self.workers == 0


def workers(session: Session) -> list[WorkerNow]:
    """The workers seen within a week, the living first, each with the job that it holds."""
    alive = Worker.seen_at > func.now() - _interval(WORKER_ALIVE)
    seen = session.execute(
        select(Worker, alive)
        .where(Worker.seen_at > func.now() - _interval(SEEN_WITHIN))
        .order_by(alive.desc(), Worker.queue, Worker.name)
    ).all()
    stuck = Job.last_progress_at < func.now() - _interval(STUCK_AFTER)
    held = {
        line.worker: (line, bool(is_stuck))
        for line, is_stuck in _lines(
            session, Job.state == JobState.RUNNING, Job.lease_until > func.now(), extra=stuck, order=Job.claimed_at
        )
    }
    return [
        WorkerNow(
            row.name, row.queue, row.device, row.version, row.memory_used, row.memory_total, row.started_at,
            row.seen_at, living, *(held.get(row.name, (None, False)) if living else (None, False)),
        )
        for row, living in seen
    ]  # fmt: skip


def queues(session: Session) -> list[QueueNow]:
    """Both queues, busy or not."""
    waits = and_(Job.state == JobState.WAITING, ROUND_GOES_ON)
    rows = session.execute(
        select(
            Job.queue,
            func.count().filter(waits),
            func.count().filter(Job.state == JobState.WAITING, ~ROUND_GOES_ON),
            func.count().filter(Job.state == JobState.RUNNING),
            func.min(Job.created_at).filter(waits),
        )
        .outerjoin(Round, Round.id == Job.round_id)
        .where(Job.state.in_((JobState.WAITING, JobState.RUNNING)))
        .group_by(Job.queue)
    )
    found: dict[Queue, Any] = {name: counts for name, *counts in rows}
    alive = _counts(session, Worker.queue, Worker.seen_at > func.now() - _interval(WORKER_ALIVE))
    failed = _counts(session, Job.queue, Job.state == JobState.FAILED)
    return [
        QueueNow(name, waiting, held, running, oldest, alive.get(name, 0), failed.get(name, 0))
        for name in Queue
        for waiting, held, running, oldest in [found.get(name, (0, 0, 0, None))]
    ]


def failed(session: Session, *, before: int | None = None, limit: int = 20) -> list[JobLine]:
    """Jobs that failed for good, newest first; `before` is the id that the page before ended with."""
    where = [Job.state == JobState.FAILED] + ([Job.id < before] if before is not None else [])
    return [line for line, _ in _lines(session, *where, order=Job.id.desc(), limit=limit)]


def may_retry(job: Job, round_: Round | None) -> bool:
    """Whether a job that failed for good can be tried again: what it would make is still wanted."""
    if job.state is not JobState.FAILED:
        return False
    match job.kind:
        case JobKind.CHUNK:
            return round_ is not None and round_.state in DRAWS
        case JobKind.TRAINING:
            return round_ is not None and round_.state is RoundState.TRAINING and round_.hold is Hold.FAILED
        case JobKind.EVALUATION:
            return round_ is None or round_.state not in FINAL
        case _:
            return True


def _lines(
    session: Session, *where: Any, extra: Any = NOTHING, order: Any, limit: int | None = None
) -> list[tuple[JobLine, Any]]:
    rows = session.execute(
        select(Job, Round, Study.name, ModelCheck.name, extra)
        .outerjoin(Study, Study.id == Job.study_id)
        .outerjoin(Round, Round.id == Job.round_id)
        .outerjoin(ModelCheck, ModelCheck.job_id == Job.id)
        .where(*where)
        .order_by(order)
        .limit(limit)
    )
    return [(_line(job, round_, study, model), more) for job, round_, study, model, more in rows]


def _line(job: Job, round_: Round | None, study: str | None, model: str | None) -> JobLine:
    return JobLine(
        id=job.id,
        kind=job.kind,
        queue=job.queue,
        state=job.state,
        study_id=job.study_id,
        study_name=study,
        round_id=round_.id if round_ else None,
        round_kind=round_.kind if round_ else None,
        round_number=round_.number if round_ else None,
        model_name=model,
        attempt=job.attempt,
        failures=job.failures,
        worker=job.worker,
        error=job.error,
        unit=str(job.progress.get("unit", "")),
        **how_far(job)._asdict(),
        created_at=job.created_at,
        claimed_at=job.claimed_at,
        ended_at=job.ended_at,
        may_retry=may_retry(job, round_),
    )


def _counts(session: Session, column: Any, where: Any) -> dict[Queue, int]:
    return dict(session.execute(select(column, func.count()).where(where).group_by(column)).all())


def _interval(span: timedelta) -> Any:
    return literal(span, Interval)
