"""Notes a job on the session: once the transaction is committed, a message wakes a worker of its queue."""

from functools import partial

from sqlalchemy.orm import Session

from app import dispatch
from app.db import after_commit
from app.models import Job


def note(session: Session, job: Job) -> None:
    """After this session's commit, say that `job` waits. A message that is lost costs a sweep, never the job."""
    session.flush()
    after_commit(session, partial(dispatch.look_at, job.id, job.queue))
