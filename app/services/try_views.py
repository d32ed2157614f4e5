"""Tries as pages and API show them: how far each is, its pictures, how long it may take. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import BaseModel, Checkpoint, Job, JobKind, JobState, Queue, Sampler, TryIt, User
from app.models.base import Json
from app.services.jobs import AT_WORK, Watched, how_far
from app.services.pictures import Picture
from app.services.tries import PICTURES, checkpoints_in
from app.study_settings import SamplingSettings

LOOKED_AT = 10


@dataclass(frozen=True)
class Part:
    """A checkpoint of a policy, and the weight (the LoRA's scale) that it has there."""

    checkpoint_id: int
    number: int
    weight: float


@dataclass(frozen=True)
class Trying(Watched):
    """A try as its page shows it. `error` is said while it is tried again, too; `busy_with` names the job that every
    worker of its queue is at while it waits. `policies` is none but for the playground's, where `pictures` holds all of
    the first policy, then the next one's. `expected` is an estimate in seconds, of a try that is at work."""

    id: int
    prompt: str
    seed: int
    state: JobState
    error: str | None
    done: int
    total: int
    per_second: float
    pictures: list[Picture]
    truncated: bool
    seconds: float | None
    loading_seconds: float | None
    sampling: SamplingSettings
    sampler: Sampler
    policies: list[list[Part]] | None
    draws: int
    model: str
    study_id: int | None
    checkpoint: int | None
    busy_with: JobKind | None
    expected: float | None
    asked_by_id: int | None
    asked_by: str | None
    created_at: datetime

    @property
    def eta(self) -> float:
        """The eta that it is drawn with: DDIM puts no noise in."""
        return 0.0 if self.sampler is Sampler.DDIM else self.sampling.eta

    @property
    def rows(self) -> list[list[Picture]]:
        """The pictures by noise: of each number, one for every policy."""
        return [self.pictures[draw :: self.draws] for draw in range(self.draws)] if self.pictures else []


def view(session: Session, try_id: int) -> Trying:
    """The try as it is now. Raises `NotFound`, also for one that was swept."""
    found = views(session, TryIt.id == try_id)
    if not found:
        raise NotFound(f"There is no try {try_id}.", "It was removed: quick tries are kept for a day.")
    return found[0]


def views(session: Session, *where: ColumnElement[bool], limit: int = 1) -> list[Trying]:
    """The newest tries like that as they are now. A fixed number of queries."""
    rows = session.execute(
        select(TryIt, Job, BaseModel.name, Checkpoint.number, User.display_name)
        .join(Job, Job.id == TryIt.job_id)
        .join(BaseModel, BaseModel.id == TryIt.base_model_id)
        .outerjoin(Checkpoint, Checkpoint.id == TryIt.checkpoint_id)
        .outerjoin(User, User.id == TryIt.asked_by_id)
        .where(*where)
        .order_by(TryIt.id.desc())
        .limit(limit)
    ).all()
    numbers = _numbers(session, [row for row, *_ in rows])
    busy_with = _busy_with(session) if any(job.state is JobState.WAITING for _, job, *_ in rows) else None
    each = {
        row.base_model_id: seconds_each(session, row.base_model_id) for row, job, *_ in rows if job.state in AT_WORK
    }
    return [
        Trying(
            id=row.id,
            prompt=row.prompt,
            seed=row.seed,
            state=job.state,
            error=job.error,
            **how_far(job)._asdict(),
            pictures=[Picture(0, one["key"], one["width"], one["height"]) for one in row.pictures],
            truncated=any(one.get("truncated") for one in row.pictures),
            seconds=row.seconds,
            loading_seconds=row.loading_seconds,
            sampling=(sampling := SamplingSettings.model_validate(row.sampling)),
            sampler=row.sampler,
            policies=None if row.policies is None else [_parts(policy, numbers) for policy in row.policies],
            draws=row.draws,
            model=model,
            study_id=row.study_id,
            checkpoint=checkpoint,
            busy_with=busy_with if job.state is JobState.WAITING else None,
            expected=_times(each.get(row.base_model_id), sampling.steps * _pictures(row)),
            asked_by_id=row.asked_by_id,
            asked_by=asked_by,
            created_at=row.created_at,
        )
        for row, job, model, checkpoint, asked_by in rows
    ]


def seconds_each(session: Session, base_model_id: int) -> float | None:
    """Seconds that a picture's denoising step took: the median of the model's newest tries, none before any."""
    rows = session.execute(
        select(TryIt.seconds, TryIt.sampling["steps"].as_integer(), func.jsonb_array_length(TryIt.pictures))
        .where(TryIt.base_model_id == base_model_id, TryIt.seconds.is_not(None))
        .order_by(TryIt.id.desc())
        .limit(LOOKED_AT)
    )
    found = [seconds / (steps * pictures) for seconds, steps, pictures in rows if steps and pictures]
    return median(found) if found else None


def _numbers(session: Session, rows: Sequence[TryIt]) -> dict[int, int]:
    """The numbers of all checkpoints that these tries name, by id."""
    ids = {number for row in rows for number in checkpoints_in(row.policies or [])}
    found = session.execute(select(Checkpoint.id, Checkpoint.number).where(Checkpoint.id.in_(ids))) if ids else ()
    return {checkpoint_id: number for checkpoint_id, number in found}  # noqa: C416 -- a Result is no mapping to mypy


def _parts(policy: Sequence[Json], numbers: dict[int, int]) -> list[Part]:
    return [Part(part["checkpoint"], numbers[part["checkpoint"]], part["weight"]) for part in policy]


def _pictures(row: TryIt) -> int:
    return PICTURES if row.policies is None else len(row.policies) * row.draws


def _times(each: float | None, count: int) -> float | None:
    return None if each is None else each * count


def _busy_with(session: Session) -> JobKind | None:
    """What a worker of the tries' queue is at: a job at hand is finished first."""
    query = select(Job.kind).where(Job.queue == Queue.ACCELERATOR, Job.state == JobState.RUNNING)
    return session.scalars(query.order_by(Job.id.desc()).limit(1)).one_or_none()
