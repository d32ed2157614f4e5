"""Trying settings out: two pictures drawn by the next worker that is free, before anything else that waits."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Interval, func, literal, select, update
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.db import after_commit
from app.errors import BadInput, NotFound, TooMany
from app.models import BaseModel, Checkpoint, Job, JobKind, JobState, Study, TryIt, User
from app.models.base import Json
from app.services import base_models, jobs
from app.services.jobs import Claim, Urgency
from app.services.pictures import Picture
from app.services.prompt_texts import MOST_CHARACTERS
from app.study_settings import SamplingSettings

PICTURES = 2
MOST_AT_ONCE = 3
KEPT = timedelta(days=1)
AT_ONCE = 50
AT_WORK = (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True)
class Trying:
    """A try as its page shows it. `error` is said while it is tried again, too; `busy_with` names the job that every
    worker of its queue is at while it waits."""

    id: int
    prompt: str
    state: JobState
    error: str | None
    done: int
    total: int
    pictures: list[Picture]
    seconds: float | None
    loading_seconds: float | None
    sampling: SamplingSettings
    model: str
    study_id: int | None
    checkpoint: int | None
    busy_with: JobKind | None
    created_at: datetime

    @property
    def is_at_work(self) -> bool:
        return self.state in AT_WORK


@dataclass(frozen=True)
class ToDraw:
    """What a worker needs to know of a try."""

    id: int
    model: BaseModel
    checkpoint: Checkpoint | None
    prompt: str
    seed: int
    sampling: SamplingSettings


def ask(
    session: Session, *, base_model_id: int, prompt: str, sampling: SamplingSettings, study: Study | None = None,
    checkpoint_id: int | None = None, seed: int | None = None, actor: User | None,
) -> TryIt:  # fmt: skip
    """Ask for two pictures. Raises `BadInput`, and `TooMany` while three tries of the same person are at work."""
    prompt = prompt.strip()
    if not 0 < len(prompt) <= MOST_CHARACTERS or "\0" in prompt:
        raise BadInput("There is no prompt to draw.", "Write one.", fields={"try_prompt": "write a prompt to try"})
    _refuse_many(session, actor)
    job = jobs.add(
        session, JobKind.TRY_IT, study_id=study.id if study else None, urgency=Urgency.TRY_IT,
        checkpoint_id=checkpoint_id,
    )  # fmt: skip
    row = TryIt(
        base_model_id=base_models.get(session, base_model_id).id,
        study_id=study.id if study else None,
        checkpoint_id=checkpoint_id,
        job_id=job.id,
        prompt=prompt,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        sampling=sampling.model_dump(),
        asked_by_id=actor.id if actor else None,
    )
    session.add(row)
    session.flush()
    return row


def view(session: Session, try_id: int) -> Trying:
    """The try as it is now. Raises `NotFound`, also for one that was swept."""
    found = session.execute(
        select(TryIt, Job, BaseModel.name, Checkpoint.number)
        .join(Job, Job.id == TryIt.job_id)
        .join(BaseModel, BaseModel.id == TryIt.base_model_id)
        .outerjoin(Checkpoint, Checkpoint.id == TryIt.checkpoint_id)
        .where(TryIt.id == try_id)
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no try {try_id}.", "Tries are kept for a day.")
    row, job, model, checkpoint = found
    return Trying(
        id=row.id,
        prompt=row.prompt,
        state=job.state,
        error=job.error,
        done=int(job.progress.get("done", 0)),
        total=int(job.progress.get("total", 0)),
        pictures=[Picture(0, one["key"], one["width"], one["height"]) for one in row.pictures],
        seconds=row.seconds,
        loading_seconds=row.loading_seconds,
        sampling=SamplingSettings.model_validate(row.sampling),
        model=model,
        study_id=row.study_id,
        checkpoint=checkpoint,
        busy_with=_busy_with(session, job) if job.state is JobState.WAITING else None,
        created_at=row.created_at,
    )


def of_job(session: Session, claim: Claim) -> ToDraw:
    """The try that this job draws."""
    row = session.scalars(select(TryIt).where(TryIt.job_id == claim.job_id)).one_or_none()
    if row is None:
        raise NotFound("This try was swept before it was drawn.", "Try it again.")
    return ToDraw(
        id=row.id,
        model=base_models.get(session, row.base_model_id),
        checkpoint=session.get(Checkpoint, row.checkpoint_id) if row.checkpoint_id else None,
        prompt=row.prompt,
        seed=row.seed,
        sampling=SamplingSettings.model_validate(row.sampling),
    )


def record(
    session: Session, claim: Claim, *, pictures: list[Json], seconds: float, loading_seconds: float
) -> None:  # fmt: skip
    """Store the drawn pictures' names and end the job. Raises `LostJob`."""
    job = jobs.held(session, claim)
    drawn: list[Any] = pictures
    session.execute(
        update(TryIt)
        .where(TryIt.job_id == claim.job_id)
        .values(
            pictures=drawn, seconds=round(seconds, 2), loading_seconds=round(loading_seconds, 2), drawn_at=func.now()
        )
    )
    jobs.end(job, JobState.DONE)


def sweep(session: Session, artifacts: Artifacts) -> int:
    """Remove tries older than a day: the rows now, their files once that is stored. Returns how many."""
    old = session.scalars(
        select(TryIt)
        .join(Job, Job.id == TryIt.job_id)
        .where(TryIt.created_at < func.now() - literal(KEPT, Interval), Job.state != JobState.RUNNING)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in old:
        job = session.get_one(Job, row.job_id)
        if job.state is JobState.WAITING:
            jobs.end(job, JobState.CANCELLED)
        for picture in row.pictures:
            after_commit(session, partial(artifacts.delete, picture["key"]))
        session.delete(row)
    return len(old)


def _refuse_many(session: Session, actor: User | None) -> None:
    if actor is None:
        return
    waiting = session.scalar(
        select(func.count())
        .select_from(TryIt)
        .join(Job, Job.id == TryIt.job_id)
        .where(TryIt.asked_by_id == actor.id, Job.state.in_(AT_WORK))
    )
    if (waiting or 0) >= MOST_AT_ONCE:
        raise TooMany(f"{waiting} tries of yours are at work.", "Wait until one is drawn.", retry_after=10)


def _busy_with(session: Session, job: Job) -> JobKind | None:
    """What a worker of the try's queue is at: a job at hand is finished first."""
    query = select(Job.kind).where(Job.queue == job.queue, Job.state == JobState.RUNNING)
    return session.scalars(query.order_by(Job.id.desc()).limit(1)).one_or_none()
