"""What pages, API and live streams show of one round. Read-only, a fixed number of queries each.

Every answer is a frozen record that holds facts and no times relative to now, so that two of them are equal exactly
where nothing changed: the live stream sends what differs and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, and_, func, literal, or_, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import (
    Event,
    Group,
    Hold,
    Job,
    JobKind,
    JobState,
    Prompt,
    Queue,
    Round,
    RoundKind,
    RoundState,
    RunState,
    Sample,
    SampleState,
    Study,
    TrainingRun,
    User,
    Worker,
)
from app.models.base import Json
from app.services.jobs import how_far
from app.services.pictures import Picture
from app.services.round_moves import allowed
from app.services.study_views import RoundLine, round_lines
from app.study_settings import StudySettings, validated

WORKER_ALIVE = timedelta(seconds=60)
PATIENCE = timedelta(seconds=5)
AT_WORK = (RunState.WAITING, RunState.RUNNING)
NEW_RUNS = {"retry_with", "train_again"}
MOST_FAILED = 10
DRAWS = (RoundState.GENERATING, RoundState.LABELING)  # what a chunk would give is still wanted


@dataclass(frozen=True)
class Difference:
    """A setting in which a round was launched unlike its study: `block.field`, the study's value then, the round's."""

    name: str
    study: Any
    round: Any


@dataclass(frozen=True)
class RoundHead:
    """Where the round stands, and the moves that it offers now. A complete round may have a training run at work."""

    line: RoundLine
    study_name: str
    question: str
    settings: StudySettings
    differs: Sequence[Difference]
    labeling_at: datetime | None
    training_at: datetime | None
    trains: bool
    moves: frozenset[str]

    @property
    def is_live(self) -> bool:
        """Whether anything of the round can still change by itself."""
        return self.line.is_open or self.trains


@dataclass(frozen=True)
class RunningJob:
    """A job that a worker has in hand: what it is, how far it is, and how fast (in its own unit)."""

    id: int
    kind: JobKind
    worker: str | None
    done: int
    total: int
    unit: str
    per_second: float


@dataclass(frozen=True)
class FailedJob:
    """A job that was put aside, or that waits to be tried again, with what went wrong. `first` is its first group."""

    id: int
    kind: JobKind
    failures: int
    error: str
    for_good: bool
    groups: int
    first: int
    attempt: int


@dataclass(frozen=True)
class PutAside:
    """Chunks that were given up, the newest of many with what went wrong, and whether they can still be drawn again."""

    chunks: int
    groups: int
    jobs: Sequence[FailedJob]
    may_redraw: bool


@dataclass(frozen=True)
class Generation:
    """How far drawing is. `seconds_left` is an estimate from the running chunk's speed; none while nothing runs. Of
    `failed` each is tried again by itself."""

    groups: int
    groups_drawn: int
    samples_per_group: int
    chunks: int
    chunks_done: int
    running: Sequence[RunningJob]
    failed: Sequence[FailedJob]
    per_second: float
    seconds_left: float | None


@dataclass(frozen=True)
class EventLine:
    """One line of the round's history. No actor: the system itself."""

    id: int
    at: datetime
    actor: str | None
    what: str
    details: Json


@dataclass(frozen=True)
class WorkerLine:
    name: str
    queue: Queue
    device: str
    alive: bool


@dataclass(frozen=True)
class Workers:
    """The worker processes, and by queue how many jobs have waited for one for more than a moment."""

    lines: Sequence[WorkerLine]
    waiting: dict[Queue, int]

    @property
    def missing(self) -> int:
        """How many jobs wait in queues that no worker was seen at lately."""
        served = {line.queue for line in self.lines if line.alive}
        return sum(count for queue, count in self.waiting.items() if queue not in served)


@dataclass(frozen=True)
class Drawn:
    """A drawn picture, and the prompt it was drawn from."""

    picture: Picture
    prompt: str


def head(session: Session, round_id: int) -> RoundHead:
    """The round's head. Raises `NotFound`."""
    row = session.execute(
        select(Round, Study.name, Study.question).join(Study, Study.id == Round.study_id).where(Round.id == round_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no round {round_id}.")
    round_, study_name, question = row
    (line,) = round_lines(session, Round.id == round_id)
    trains = session.scalar(
        select(TrainingRun.id).where(TrainingRun.round_id == round_id, TrainingRun.state.in_(AT_WORK)).limit(1)
    )
    moves = allowed(round_) - (NEW_RUNS if trains else set())
    return RoundHead(
        line, study_name, question, validated(round_.settings), differences(round_.differs), round_.labeling_at,
        round_.training_at, trains is not None, frozenset(moves),
    )  # fmt: skip


def differences(differs: Json) -> list[Difference]:
    """Settings that differ, in the order of the forms: what `studies.differing` tells, as it may come from JSON."""
    order = [f"{block}.{field}" for block, fields in StudySettings() for field in type(fields).model_fields]
    return [Difference(name, *differs[name]) for name in order if name in differs]


def generation(session: Session, shown: RoundHead) -> Generation:
    """How the drawing of the round's groups goes. Of many jobs that are tried again the newest are told."""
    chunks = (Job.round_id == shown.line.id, Job.kind == JobKind.CHUNK)
    put_aside = Job.state.in_((JobState.FAILED, JobState.CANCELLED))
    count, done, aside = session.execute(
        select(
            func.count(),
            func.count().filter(Job.state == JobState.DONE),
            func.coalesce(func.sum(Job.payload["groups"].as_integer()).filter(put_aside), 0),
        ).where(*chunks)
    ).one()
    running = _running(session, *chunks)
    failed = session.scalars(
        select(Job)
        .where(*chunks, Job.error.is_not(None), Job.state == JobState.WAITING)
        .order_by(Job.id.desc())
        .limit(MOST_FAILED)
    )
    k = shown.settings.sampling.samples_per_group
    per_second = sum(job.per_second for job in running)
    left = (shown.line.groups - int(aside) - shown.line.groups_drawn) * k - sum(job.done for job in running)
    return Generation(
        groups=shown.line.groups,
        groups_drawn=shown.line.groups_drawn,
        samples_per_group=k,
        chunks=count,
        chunks_done=done,
        running=running,
        failed=[failed_job(job) for job in failed],
        per_second=round(per_second, 2),
        seconds_left=max(left, 0) / per_second if per_second else None,
    )


def put_aside(session: Session, shown: RoundHead) -> PutAside:
    """The round's chunks that were given up after their tries."""
    given_up = (Job.round_id == shown.line.id, Job.kind == JobKind.CHUNK, Job.state == JobState.FAILED)
    groups = func.coalesce(func.sum(Job.payload["groups"].as_integer()), 0)
    count, of_them = session.execute(select(func.count(), groups).where(*given_up)).one()
    newest = select(Job).where(*given_up).order_by(Job.id.desc()).limit(MOST_FAILED)
    return PutAside(
        chunks=count,
        groups=int(of_them),
        jobs=[failed_job(job) for job in session.scalars(newest)] if count else [],
        may_redraw=shown.line.state in DRAWS,
    )


def _running(session: Session, *where: Any) -> list[RunningJob]:
    return [running_job(job) for job in session.scalars(select(Job).where(*where, Job.state == JobState.RUNNING))]


def history(session: Session, round_id: int, *, limit: int = 50) -> list[EventLine]:
    """The newest events of the round, newest first."""
    rows = session.execute(
        select(Event.id, Event.at, User.display_name, Event.what, Event.details)
        .outerjoin(User, User.id == Event.actor_id)
        .where(Event.round_id == round_id)
        .order_by(Event.id.desc())
        .limit(limit)
    )
    return [EventLine(*row) for row in rows]


def workers(session: Session) -> Workers:
    """The workers seen within a day, and the jobs that wait."""
    seen = select(Worker, Worker.seen_at > func.now() - _interval(WORKER_ALIVE)).where(
        Worker.seen_at > func.now() - _interval(timedelta(days=1))
    )
    waiting = (
        select(Job.queue, func.count())
        .outerjoin(Round, Round.id == Job.round_id)
        .where(
            Job.state == JobState.WAITING,
            Job.due_at <= func.now() - _interval(PATIENCE),
            or_(Round.id.is_(None), and_(Round.hold == Hold.NONE, Round.state != RoundState.CANCELLED)),
        )
        .group_by(Job.queue)
    )
    lines = [
        WorkerLine(row.name, row.queue, row.device, alive) for row, alive in session.execute(seen.order_by(Worker.name))
    ]
    counts = {queue: count for queue, count in session.execute(waiting)}  # noqa: C416 -- a Result is no mapping to mypy
    return Workers(lines, counts)


def pictures(session: Session, line: RoundLine, *, limit: int = 20) -> list[Drawn]:
    """The round's newest pictures: of the chunks that were drawn last, each of which has two at least; of an import
    those of its first groups."""
    newest = (
        select(Job.id, Job.ended_at)
        .where(Job.round_id == line.id, Job.kind == JobKind.CHUNK, Job.state == JobState.DONE)
        .order_by(Job.ended_at.desc())
        .limit(limit // 2)
        .subquery("newest")
    )
    query = (
        select(Sample.id, Sample.webp_key, Sample.width, Sample.height, Prompt.text)
        .join(Group, Group.id == Sample.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .where(Sample.state == SampleState.READY)
        .limit(limit)
    )
    if line.kind is RoundKind.IMPORTED:
        query = query.where(Group.round_id == line.id).order_by(Group.number, Sample.number)
    else:
        query = query.join(newest, newest.c.id == Group.job_id)
        query = query.order_by(newest.c.ended_at.desc(), Sample.id.desc())
    rows = session.execute(query)
    return [Drawn(Picture(sample_id, key, width, height), prompt) for sample_id, key, width, height, prompt in rows]


def running_job(job: Job) -> RunningJob:
    done, total, per_second = how_far(job)
    return RunningJob(job.id, job.kind, job.worker, done, total, str(job.progress.get("unit", "")), per_second)


def failed_job(job: Job) -> FailedJob:
    return FailedJob(
        job.id, job.kind, job.failures, job.error or "", job.state is JobState.FAILED,
        int(job.payload.get("groups", 0)), int(job.payload.get("first_group", 0)), job.attempt,
    )  # fmt: skip


def _interval(span: timedelta) -> Any:
    return literal(span, Interval)
