"""Jobs: made, claimed, kept alive, ended. Every write by a worker names the attempt it holds.

A claim is one compare-and-set UPDATE. A worker whose attempt is no longer the row's has lost the job: `LostJob` tells
it to stop and to remove its own files.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Interval, and_, case, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app import queue
from app.errors import Conflict, NotFound
from app.models import Hold, Job, JobKind, JobState, Queue, Round, RoundState, Worker
from app.models.base import Json

MOST_FAILURES = 3
AT_WORK = (JobState.WAITING, JobState.RUNNING)
BACK_OFF = timedelta(seconds=5)

LEASE_RAN_OUT = and_(Job.state == JobState.RUNNING, Job.lease_until < func.now())

# of a job, outer joined to its round: the round goes on, or the job belongs to none
ROUND_GOES_ON = or_(Round.id.is_(None), and_(Round.hold == Hold.NONE, Round.state != RoundState.CANCELLED))

# what may be claimed now; a job whose worker was lost once too often is left to the sweep, which fails it
DUE = (
    Job.due_at <= func.now(),
    or_(Job.state == JobState.WAITING, and_(LEASE_RAN_OUT, Job.failures < MOST_FAILURES - 1)),
    ROUND_GOES_ON,
)


class Urgency:
    """The order in which a queue's jobs are taken: the smaller, the sooner."""

    TRY_IT = 1
    MODEL_CHECK = 5
    FIRST_CHUNK = 10
    TRAINING = 20
    CHUNK = 30
    EVALUATION = 40
    PUSH = 44
    EXPORT = 45
    IMPORT = 46
    SCORING = 48
    CLEAN_UP = 50


class Verdict(StrEnum):
    """What a heartbeat answers the worker."""

    GO_ON = "go_on"
    GIVE_BACK = "give_back"


class HowFar(NamedTuple):
    """How much of a job is done, of how much, and how much is done in a second."""

    done: int
    total: int
    per_second: float


class Watched:
    """What a line that shows a job's work tells by its fields. `error` is also said while it is tried again."""

    state: JobState
    error: str | None
    done: int
    total: int
    per_second: float

    @property
    def is_at_work(self) -> bool:
        return self.state in AT_WORK

    @property
    def seconds_left(self) -> float | None:
        """An estimate from its speed; none while it has none."""
        return (self.total - self.done) / self.per_second if self.per_second else None


class LostJob(Conflict):
    """Another worker has the job now, or it was cancelled: nothing of this attempt may be stored."""

    code, title = "lost-job", "The job was lost"


@dataclass(frozen=True)
class Claim:
    """A job as one attempt holds it."""

    job_id: int
    attempt: int
    kind: JobKind
    study_id: int | None
    round_id: int | None
    training_run_id: int | None
    checkpoint_id: int | None
    payload: Json
    worker: str

    @property
    def of_study(self) -> int:
        """The study that the job belongs to. Only the house's own jobs have none."""
        assert self.study_id is not None, f"job {self.job_id} belongs to no study"
        return self.study_id


def add(
    session: Session, kind: JobKind, *, study_id: int | None, urgency: int, queue_name: Queue = Queue.ACCELERATOR,
    round_id: int | None = None, training_run_id: int | None = None, checkpoint_id: int | None = None,
    payload: Json | None = None,
) -> Job:  # fmt: skip
    """Write a waiting job and, once the transaction is committed, wake a worker for it."""
    job = Job(
        kind=kind, queue=queue_name, urgency=urgency, study_id=study_id, round_id=round_id,
        training_run_id=training_run_id, checkpoint_id=checkpoint_id, payload=payload or {},
    )  # fmt: skip
    session.add(job)
    queue.note(session, job)
    return job


def claim(session: Session, *, queue_name: Queue, worker: str, lease_seconds: float) -> Claim | None:
    """Take the queue's most urgent due job, or none: a waiting one, or a running one whose lease ran out.

    Jobs of rounds on hold or cancelled are not due. A lease that ran out counts as a failure of that attempt, so a job
    that kills its worker is not tried for ever.
    """
    due = (
        select(Job.id)
        .outerjoin(Round, Round.id == Job.round_id)
        .where(Job.queue == queue_name, *DUE)
        .order_by(Job.urgency, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Job)
        .scalar_subquery()
    )
    taken = session.execute(
        update(Job)
        .where(Job.id == due)
        .values(
            state=JobState.RUNNING,
            attempt=Job.attempt + 1,
            failures=Job.failures + case((Job.state == JobState.RUNNING, 1), else_=0),
            worker=worker,
            claimed_at=func.now(),
            lease_until=func.now() + _seconds(lease_seconds),
            last_progress_at=func.now(),
            error=None,
        )
        .returning(Job)
    ).scalar_one_or_none()
    return claim_of(taken) if taken else None


def claim_of(job: Job) -> Claim:
    """The claim that the job's present attempt holds."""
    return Claim(
        job.id, job.attempt, job.kind, job.study_id, job.round_id, job.training_run_id, job.checkpoint_id, job.payload,
        job.worker or "",
    )  # fmt: skip


def beat(session: Session, claim: Claim, *, lease_seconds: float) -> Verdict:
    """Renew the lease; says whether to go on. Raises `LostJob`."""
    renewed = session.execute(_mine(claim).values(lease_until=func.now() + _seconds(lease_seconds)).returning(Job.id))
    if renewed.scalar_one_or_none() is None:
        raise _lost(claim)
    on_hold = select(Round.id).where(Round.id == claim.round_id, Round.hold != Hold.NONE)
    return Verdict.GIVE_BACK if session.scalar(on_hold) else Verdict.GO_ON


def progress(session: Session, claim: Claim, *, done: int, total: int, unit: str, per_second: float) -> None:
    """Store how far the attempt is. Raises `LostJob`."""
    said = {"done": done, "total": total, "unit": unit, "per_second": round(per_second, 3)}
    changed = session.execute(_mine(claim).values(progress=said, last_progress_at=func.now()).returning(Job.id))
    if changed.scalar_one_or_none() is None:
        raise _lost(claim)


def held(session: Session, claim: Claim) -> Job:
    """The job's row, locked, for a transaction that stores the attempt's results. Raises `LostJob`."""
    job = session.scalars(
        select(Job)
        .where(Job.id == claim.job_id, Job.attempt == claim.attempt, Job.state == JobState.RUNNING)
        .with_for_update()
    ).one_or_none()
    if job is None:
        raise _lost(claim)
    return job


def how_far(job: Job) -> HowFar:
    """What the job's worker told last."""
    said = job.progress
    return HowFar(int(said.get("done", 0)), int(said.get("total", 0)), float(said.get("per_second", 0)))


def locked(session: Session, job_id: int) -> Job:
    """The job as it is now, which nobody else changes until this transaction ends. Raises `NotFound`."""
    job = session.scalars(
        select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def end(job: Job, state: JobState, *, error: str | None = None) -> None:
    """End a held job for good."""
    job.state, job.error, job.lease_until, job.ended_at = state, error, None, func.now()


def give_back(session: Session, claim: Claim) -> None:
    """Let the job wait again without counting a failure: the round was paused, or the worker shuts down."""
    job = held(session, claim)
    job.state, job.lease_until, job.worker = JobState.WAITING, None, None
    queue.note(session, job)


def fail(session: Session, claim: Claim, *, error: str, for_good: bool) -> bool:
    """Store that the attempt failed. Says whether the job failed for good; else it is tried again a little later."""
    job = held(session, claim)
    job.failures += 1
    if for_good or job.failures >= MOST_FAILURES:
        end(job, JobState.FAILED, error=error)
        return True
    job.state, job.lease_until, job.worker, job.error = JobState.WAITING, None, None, error
    job.due_at = func.now() + BACK_OFF * 2**job.failures
    return False


def worn_out(session: Session) -> list[Job]:
    """Running jobs whose worker was lost as often as is allowed; locked, for the sweep to fail."""
    return list(
        session.scalars(
            select(Job).where(LEASE_RAN_OUT, Job.failures >= MOST_FAILURES - 1).with_for_update(skip_locked=True)
        )
    )


def cancel_open(session: Session, *, round_id: int, kinds: tuple[JobKind, ...], waiting_only: bool = False) -> int:
    """Cancel the round's jobs of these kinds; returns how many. A running one notices at its next heartbeat."""
    states = [JobState.WAITING] if waiting_only else [JobState.WAITING, JobState.RUNNING]
    cancelled = session.execute(
        update(Job)
        .where(Job.round_id == round_id, Job.kind.in_(kinds), Job.state.in_(states))
        .values(state=JobState.CANCELLED, lease_until=None, ended_at=func.now())
        .returning(Job.id)
    )
    return len(cancelled.all())


def revive(session: Session, *, round_id: int, states: tuple[JobState, ...] = (JobState.FAILED,)) -> list[Job]:
    """Let the round's failed jobs wait again, with their failures forgotten; returns them."""
    jobs = list(session.scalars(select(Job).where(Job.round_id == round_id, Job.state.in_(states)).with_for_update()))
    for job in jobs:
        wait_again(session, job)
    return jobs


def wait_again(session: Session, job: Job) -> None:
    """Let an ended job wait again, its failures forgotten."""
    job.state, job.failures, job.error, job.ended_at, job.due_at = JobState.WAITING, 0, None, None, func.now()
    queue.note(session, job)


def wake_round(session: Session, *, round_id: int) -> None:
    """Wake workers for the round's waiting jobs, once it is off hold."""
    for job in session.scalars(select(Job).where(Job.round_id == round_id, Job.state == JobState.WAITING)):
        queue.note(session, job)


def due_queues(session: Session) -> dict[Queue, int]:
    """For each queue, one job that is due and that no worker holds: what the sweep wakes workers for."""
    due = select(Job.queue, func.min(Job.id)).outerjoin(Round, Round.id == Job.round_id).where(*DUE).group_by(Job.queue)
    return {name: job_id for name, job_id in session.execute(due)}  # noqa: C416 -- a Result is no mapping to mypy


def newest_error(session: Session, *, study_id: int, kinds: tuple[JobKind, ...]) -> str | None:
    """What the study's last job of these kinds that failed for good said."""
    query = select(Job.error).where(Job.study_id == study_id, Job.kind.in_(kinds), Job.state == JobState.FAILED)
    return session.scalar(query.order_by(Job.ended_at.desc()).limit(1))


def see_worker(
    session: Session, *, name: str, queue_name: Queue, device: str, version: str = "",
    memory: tuple[int, int] | None = None, fresh: bool = False,
) -> None:  # fmt: skip
    """Store that this worker process is alive, and of its memory how many bytes are used and how many there are.

    `fresh` says that the process has just begun.
    """
    worker = session.get(Worker, name)
    if worker is None:
        worker = Worker(name=name)
        session.add(worker)
    elif fresh:
        worker.started_at = func.now()
    worker.queue, worker.device, worker.version, worker.seen_at = queue_name, device, version, func.now()
    worker.memory_used, worker.memory_total = memory or (None, None)


def _mine(claim: Claim):  # type: ignore[no-untyped-def]  # SQLAlchemy's Update is generic in a type it does not export
    return update(Job).where(Job.id == claim.job_id, Job.attempt == claim.attempt, Job.state == JobState.RUNNING)


def _seconds(seconds: float):  # type: ignore[no-untyped-def]
    return literal(timedelta(seconds=seconds), Interval)


def _lost(claim: Claim) -> LostJob:
    return LostJob(f"Job {claim.job_id} is no longer held by attempt {claim.attempt}.")
