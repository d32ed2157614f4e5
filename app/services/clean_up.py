"""Clean-ups: trajectories beyond the newest rounds, and files that no row names. A worker of the `cpu` queue does them.

The sweep asks for one a day by itself; an admin may ask for one at any time, and for fewer rounds to be kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, exists, func, literal, select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict
from app.models import Event, Job, JobKind, JobState, Queue, Study, User
from app.services import events, jobs
from app.services.retention import ROUNDS_KEPT

EVERY = timedelta(days=1)
OURS = (Job.kind == JobKind.CLEAN_UP, Job.study_id.is_(None))


@dataclass(frozen=True)
class Done:
    """A clean-up that was done: when, what it freed."""

    at: datetime
    trajectories: int
    trajectory_bytes: int
    unnamed: int
    unnamed_bytes: int


@dataclass(frozen=True)
class Standing:
    """Whether one is at work, and what the last one did."""

    at_work: bool
    last: Done | None


def ask(session: Session, *, keep: int, actor: User | None) -> Job:
    """Ask for a clean-up that keeps the trajectories of each study's newest `keep` rounds.

    Raises `BadInput`, and `Conflict` while one is at work.
    """
    if not 0 <= keep <= ROUNDS_KEPT:
        raise BadInput(f"{keep} rounds cannot be kept.", f"Give a number from 0 to {ROUNDS_KEPT}.", fields={"keep": ""})
    if _at_work(session):
        raise Conflict("A clean-up is at work.", "Wait for its end.")
    job = jobs.add(
        session, JobKind.CLEAN_UP, study_id=None, urgency=jobs.Urgency.CLEAN_UP, queue_name=Queue.CPU,
        payload={"keep": keep},
    )  # fmt: skip
    events.write(session, "files.clean_up_asked", job, actor=actor, keep=keep)
    return job


def ask_daily(session: Session) -> Job | None:
    """Ask for one by itself where the house is older than a day and none was asked for within the last."""
    recent = func.now() - literal(EVERY, Interval)
    asked = session.scalar(select(exists().where(*OURS, (Job.created_at > recent) | Job.state.in_(jobs.AT_WORK))))
    if asked or not session.scalar(select(exists().where(Study.created_at < recent))):
        return None
    return ask(session, keep=ROUNDS_KEPT, actor=None)


def record(session: Session, claim: jobs.Claim, **freed: Any) -> None:
    """End the job and write what it freed. Raises `LostJob`."""
    job = jobs.held(session, claim)
    jobs.end(job, JobState.DONE)
    events.write(session, "files.cleaned_up", job, **freed)


def standing(session: Session) -> Standing:
    last = session.execute(
        select(Event.at, Event.details)
        .where(Event.object_type == Job.__tablename__, Event.what == "files.cleaned_up")
        .order_by(Event.id.desc())
        .limit(1)
    ).one_or_none()
    return Standing(_at_work(session), Done(last.at, **last.details) if last else None)


def _at_work(session: Session) -> bool:
    return bool(session.scalar(select(exists().where(*OURS, Job.state.in_(jobs.AT_WORK)))))
