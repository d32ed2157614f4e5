"""Trying settings and policies out: pictures drawn by the next worker that is free, before anything else that waits.

What the playground asks for (`playground`) is a try too: drawn, shown and recorded here.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Interval, func, literal, select, update
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.db import after_commit
from app.errors import BadInput, NotFound, TooMany
from app.models import BaseModel, Checkpoint, Job, JobKind, JobState, Sampler, Study, TryIt, User
from app.models.base import Json
from app.services import base_models, jobs, locks
from app.services.jobs import AT_WORK, Claim, Urgency
from app.services.locks import Lock
from app.services.prompt_texts import MOST_CHARACTERS
from app.study_settings import SamplingSettings

PICTURES = 2
MOST_AT_ONCE = 3
KEPT = timedelta(days=1)
AT_ONCE = 50
MOST_SEED = 2**31


@dataclass(frozen=True)
class ToDraw:
    """What a worker needs to know of a try. `policies` as the row has them, with the checkpoints themselves."""

    id: int
    model: BaseModel
    checkpoint: Checkpoint | None
    policies: list[list[tuple[Checkpoint, float]]] | None
    prompt: str
    seed: int
    draws: int
    sampling: SamplingSettings
    sampler: Sampler


def ask(
    session: Session, *, base_model_id: int, prompt: str, sampling: SamplingSettings, study: Study | None = None,
    checkpoint_id: int | None = None, seed: int | None = None, actor: User | None,
) -> TryIt:  # fmt: skip
    """Ask for two pictures. Raises `BadInput`, and `TooMany` while three tries of the same person are at work."""
    prompt = to_draw(prompt, field="try_prompt")
    refuse_many(session, actor)
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
        seed=any_seed() if seed is None else seed,
        sampling=sampling.model_dump(),
        asked_by_id=actor.id if actor else None,
    )
    session.add(row)
    session.flush()
    return row


def to_draw(prompt: str, *, field: str) -> str:
    """The prompt without blanks around it. Raises `BadInput` that names the field."""
    prompt = prompt.strip()
    if not 0 < len(prompt) <= MOST_CHARACTERS or "\0" in prompt:
        said = f"write a prompt of at most {MOST_CHARACTERS} characters"
        raise BadInput("There is no prompt to draw.", "Write one.", fields={field: said})
    return prompt


def any_seed() -> int:
    """A seed drawn by chance."""
    return secrets.randbelow(MOST_SEED)


def folder(study_id: int | None, policies: object) -> str:
    """Where a try's pictures are kept: the playground's with their study, others where all goes after a day."""
    return "tries" if policies is None else f"studies/{study_id}/tries"


def of_job(session: Session, claim: Claim) -> ToDraw:
    """The try that this job draws."""
    row = session.scalars(select(TryIt).where(TryIt.job_id == claim.job_id)).one_or_none()
    if row is None:
        raise NotFound("This try was swept before it was drawn.", "Try it again.")
    return ToDraw(
        id=row.id,
        model=base_models.get(session, row.base_model_id),
        checkpoint=session.get(Checkpoint, row.checkpoint_id) if row.checkpoint_id else None,
        policies=None if row.policies is None else _with_checkpoints(session, row.policies),
        prompt=row.prompt,
        seed=row.seed,
        draws=row.draws,
        sampling=SamplingSettings.model_validate(row.sampling),
        sampler=row.sampler,
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
    """Remove tries older than a day but the playground's: the rows now, their files once that is stored. How many."""
    old = session.scalars(
        select(TryIt)
        .join(Job, Job.id == TryIt.job_id)
        .where(
            TryIt.policies.is_(None),
            TryIt.created_at < func.now() - literal(KEPT, Interval),
            Job.state != JobState.RUNNING,
        )
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


def refuse_many(session: Session, actor: User | None) -> None:
    """Raises `TooMany` while three tries of the person are at work. Requests of one person that come at once are
    counted one after the other, each to its transaction's end."""
    if actor is None:
        return
    locks.exclusive(session, Lock.TRIES, actor.id)
    waiting = session.scalar(
        select(func.count())
        .select_from(TryIt)
        .join(Job, Job.id == TryIt.job_id)
        .where(TryIt.asked_by_id == actor.id, Job.state.in_(AT_WORK))
    )
    if (waiting or 0) >= MOST_AT_ONCE:
        raise TooMany(f"{waiting} tries of yours are at work.", "Wait until one is drawn.", retry_after=10)


def checkpoints_in(policies: Sequence[Any]) -> set[int]:
    """The ids of all checkpoints that policies, as a row has them, are made of."""
    return {part["checkpoint"] for policy in policies for part in policy}


def _with_checkpoints(session: Session, policies: Sequence[Any]) -> list[list[tuple[Checkpoint, float]]]:
    rows = session.scalars(select(Checkpoint).where(Checkpoint.id.in_(checkpoints_in(policies))))
    by_id = {row.id: row for row in rows}
    return [[(by_id[part["checkpoint"]], part["weight"]) for part in policy] for policy in policies]
