"""What an admin may do with a single job: try again one that failed for good."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import CheckState, Hold, Job, JobKind, ModelCheck, Round, User
from app.services import events, house, jobs, round_moves, rounds


def retry(session: Session, *, job_id: int, actor: User | None) -> Job:
    """Let the job wait again with its failures forgotten. A round that failed over it goes on as by its own "retry".

    Raises `NotFound`, or `Conflict` where what it would make is not wanted any more.
    """
    round_id = session.scalar(select(Job.round_id).where(Job.id == job_id))
    round_ = rounds.locked(session, round_id) if round_id is not None else None
    job = session.scalars(
        select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
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


def _why_not(job: Job, round_: Round | None) -> str:
    if round_ is not None:
        return f"it is {job.state} and its round is {round_.state}"
    return f"it is {job.state}"
