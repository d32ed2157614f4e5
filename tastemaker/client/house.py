"""The house: its workers, its queues, its jobs that failed, and the files that it need not keep. For admins."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tastemaker.client.http import Http
from tastemaker.client.shapes import JobState, Queue

JobKind = Literal[
    "chunk", "training", "evaluation", "model_check", "clean_up", "try_it", "export", "scoring", "import", "push"
]


@dataclass(frozen=True)
class Job:
    """A job: what it is, how far (`done` of `total`, in `unit`), and what went wrong."""

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
    done: int
    total: int
    unit: str
    per_second: float
    created_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None
    may_retry: bool


@dataclass(frozen=True)
class Worker:
    """A worker process as it last said of itself, with the job in its hands. Memory is its device's, in bytes; `stuck`
    says that its job has not moved for five minutes."""

    name: str
    queue: Queue
    device: str
    version: str
    memory_used: int | None
    memory_total: int | None
    started_at: datetime
    seen_at: datetime
    alive: bool
    job: Job | None
    stuck: bool


@dataclass(frozen=True)
class QueueLoad:
    """A queue: how many of its jobs wait (the oldest since `oldest`), are of rounds on hold, run and have failed, and
    how many live workers take from it."""

    name: Queue
    waiting: int
    held: int
    running: int
    oldest: datetime | None
    workers: int
    failed: int


@dataclass(frozen=True)
class CleanUp:
    """A clean-up that was asked for: its job, and how many rounds of each study keep their trajectories."""

    job: int
    keep: int


class House:
    """`client.house`. The history is `client.events`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def workers(self) -> list[Worker]:
        """Those that were seen within a week."""
        return self._http.many(Worker, "/workers")

    def queues(self) -> list[QueueLoad]:
        """Both queues."""
        return self._http.many(QueueLoad, "/queues")

    def failed_jobs(self) -> Iterator[Job]:
        """Jobs that failed for good, newest first."""
        return self._http.pages(Job, "/jobs/failed")

    def retry(self, job: int) -> None:
        """Try a failed job again. Raises `Conflict` where what it would make is not wanted any more."""
        self._http.json("POST", f"/jobs/{job}/retry")

    def clean_up(self, *, keep: int | None = None) -> CleanUp:
        """Have trajectories removed but for those of the newest `keep` rounds of each study (None: as many as the site
        keeps by itself), and files that belong to nothing. Raises `Conflict` while one is at work."""
        return self._http.one(CleanUp, "POST", "/files/clean-up", body={} if keep is None else {"keep": keep})
