"""The house: workers, queues, jobs that failed, and the history."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from app.models import JobKind, JobState, Queue
from app.services import audit, clean_up, house, job_moves
from app.services.audit import Wanted
from app.services.retention import ROUNDS_KEPT
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRunHouse
from app.web.api.shapes import Shape
from app.web.deps import SessionDep

router = APIRouter(tags=["house"])


class JobShape(Shape):
    """A job: what it is, how far, and what went wrong."""

    id: int
    kind: JobKind
    queue: Queue
    state: JobState
    study_id: int | None
    round_id: int | None
    attempt: int
    failures: int
    worker: str | None
    error: str | None
    done: int = Field(description="How much is done, in `unit`.")
    total: int
    unit: str
    per_second: float
    created_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None
    may_retry: bool = Field(description="Whether a failed job can be tried again.")


class WorkerShape(Shape):
    """A worker process as it last said of itself."""

    name: str
    queue: Queue
    device: str
    version: str
    memory_used: int | None = Field(description="Bytes in use on its device.")
    memory_total: int | None
    started_at: datetime
    seen_at: datetime = Field(description="Its last heartbeat.")
    alive: bool
    job: JobShape | None = Field(description="What it has in hand.")
    stuck: bool = Field(description="Its job has not moved for five minutes.")


class QueueLoadShape(Shape):
    """One of the two queues."""

    name: Queue
    waiting: int
    held: int = Field(description="Jobs of rounds on hold.")
    running: int
    oldest: datetime | None = Field(description="Since when the oldest job waits.")
    workers: int = Field(description="Live workers that take from it.")
    failed: int


class EventShape(Shape):
    """One row of the history. No actor: the system itself."""

    id: int
    at: datetime
    actor_id: int | None
    actor: str | None
    what: str
    object_type: str
    object_id: int
    study_id: int | None
    round_id: int | None
    details: dict[str, Any]


class NewCleanUp(Body):
    keep: int = Field(
        ROUNDS_KEPT, ge=0, le=ROUNDS_KEPT, description="Newest rounds of each study whose trajectories stay."
    )


class CleanUpShape(Shape):
    """A clean-up that was asked for."""

    job: int = Field(description="Its job, which a worker of the queue `cpu` does.")
    keep: int


@router.get("/workers", operation_id="list_workers", summary="Workers seen within a week")
def workers(session: SessionDep, user: MayRunHouse) -> list[WorkerShape]:
    """Each process as it last said of itself, with the job in its hands."""
    return [WorkerShape.model_validate(worker) for worker in house.workers(session)]


@router.get("/queues", operation_id="list_queues", summary="Both queues")
def queues(session: SessionDep, user: MayRunHouse) -> list[QueueLoadShape]:
    """What waits, what runs and who works, for the accelerator and the cpu."""
    return [QueueLoadShape.model_validate(queue) for queue in house.queues(session)]


@router.get("/jobs/failed", operation_id="list_failed_jobs", summary="Jobs that failed for good, newest first")
def failed(session: SessionDep, user: MayRunHouse, cursor: Cursor, limit: Limit = 50) -> Page[JobShape]:
    """What a retry may help and what is left as it is."""
    found = house.failed(session, before=cursor, limit=limit + 1)
    return page_of([JobShape.model_validate(job) for job in found], limit, lambda job: job.id)


@router.post("/jobs/{job_id}/retry", operation_id="retry_job", summary="Try a failed job again", status_code=204)
def retry(job_id: int, session: SessionDep, user: MayRunHouse) -> None:
    """409 where what it would make is not wanted any more."""
    job_moves.retry(session, job_id=job_id, actor=user)


@router.get("/events", operation_id="list_events", summary="The history, newest first")
def events(
    session: SessionDep, user: MayRunHouse, cursor: Cursor, limit: Limit = 100,
    who: Annotated[str, Query(max_length=200, description="Part of the actor's name, or `system`.")] = "",
    kind: Annotated[str, Query(max_length=64, description="Kind of object, such as `rounds`.")] = "",
    study: int | None = None,
) -> Page[EventShape]:  # fmt: skip
    """Every move and every admin action, with who caused it. A page goes by the event's id."""
    found = audit.lines(session, Wanted(who, kind, study), before=cursor, limit=limit + 1)
    return page_of([EventShape.model_validate(line) for line in found], limit, lambda event: event.id)


@router.post(
    "/files/clean-up", operation_id="clean_up_files", summary="Ask for a clean-up of files", status_code=202,
    responses=problems(409),
)  # fmt: skip
def clean(body: NewCleanUp, session: SessionDep, user: MayRunHouse) -> CleanUpShape:
    """Trajectories beyond the newest rounds go, and files that no row names. 409 while one is at work."""
    job = clean_up.ask(session, keep=body.keep, actor=user)
    session.flush()
    return CleanUpShape(job=job.id, keep=body.keep)
