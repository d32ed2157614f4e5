"""What an admin may do with jobs that failed for good: try one again, or all that a round put aside."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import CheckState, Hold, Job, JobKind, JobState, ModelCheck, Round, User
from app.services import events, house, jobs, round_moves, rounds
from app.services.round_views import DRAWS


def retry(session: Session, *, job_id: int, actor: User | None) -> Job:
    """Let the job wait again with its failures forgotten. A round that failed over it goes on as by its own "retry".

    Raises `NotFound`, or `Conflict` where what it would make is not wanted any more.
    """
    round_id = session.scalar(select(Job.round_id).where(Job.id == job_id))
    round_ = rounds.locked(session, round_id) if round_id is not None else None
    job = jobs.locked(session, job_id)
    if not house.may_retry(job, round_):
        raise Conflict(f"Job {job_id} cannot be tried again: {_why_not(job, round_)}.", "Reload the page.")
    if round_ is not None and round_.hold is Hold.FAILED:
        round_moves.make(session, round_, "retry", actor=actor)
    else:
        jobs.wait_again(session, job)
    if job.kind is JobKind.MODEL_CHECK:
        check = session.scalars(select(ModelCheck).where(ModelCheck.job_id == job.id)).one()
        check.state, check.reason, check.ended_at = CheckState.CHECKING, None, None
    events.write(session, "job.retried", job, actor=actor, kind=job.kind.value)
    return job


def redraw(session: Session, *, round_id: int, job_id: int | None = None, actor: User | None) -> None:
    """Draw again what the round put aside: one chunk, or all of them. A chunk's groups, noise and batch stand on its
    job, so that its pictures are the same bits as if it had never failed.

    Raises `NotFound`, also for a job of another round, and `Conflict` where nothing waits for it any more.
    """
    round_ = rounds.locked(session, round_id)
    if round_.state not in DRAWS:
        raise Conflict(
            f"Round {round_.number} is {round_.state}: it goes on without the groups that were put aside.",
            "Launch the next round.",
        )
    aside = select(Job.id).where(Job.round_id == round_id, Job.kind == JobKind.CHUNK, Job.state == JobState.FAILED)
    chosen = session.scalars(aside.where(Job.id == job_id) if job_id is not None else aside.order_by(Job.id)).all()
    if not chosen:
        raise NotFound("No chunk of this round is put aside.", "Reload the page: it may be drawn by now.")
    for one in chosen:
        if session.scalar(select(Job.state).where(Job.id == one)) is JobState.FAILED:  # a round's retry takes them all
            retry(session, job_id=one, actor=actor)


def _why_not(job: Job, round_: Round | None) -> str:
    if round_ is not None:
        return f"it is {job.state} and its round is {round_.state}"
    return f"it is {job.state}"
