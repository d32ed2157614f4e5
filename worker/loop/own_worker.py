"""A worker for the loop: the instance's own where one is there, else a child process of ours."""

import time
from types import TracebackType
from typing import Self

from app.db import transaction
from app.models import Queue
from app.services import round_views
from app.settings import Settings
from app.supervisor.child import Child
from app.supervisor.logs import Say
from app.supervisor.processes import Worker
from app.supervisor.watch import Record, look_after


class OwnWorker:
    """A child of ours while the context lasts; nothing at all where it is not `needed`, for another worker is there."""

    def __init__(self, settings: Settings, say: Say, *, needed: bool, queue: Queue = Queue.ACCELERATOR) -> None:
        self._child = Child(Worker(settings, queue.value).spec, settings.data_dir, say) if needed else None
        self._record = Record()
        self._say = say

    def __enter__(self) -> Self:
        if self._child is not None:
            self._child.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.stop()

    def look_after(self) -> None:
        """Start it again where it ended. Raises `Unavailable` where it will not stay up."""
        if self._child is not None:
            look_after(self._child, self._record, self._say)


def worker_is_there(patience: float, queue: Queue = Queue.ACCELERATOR) -> bool:
    """Whether a worker of the queue was seen lately, or is within `patience` seconds: it may be starting just now."""
    deadline = time.monotonic() + patience
    while not (seen := _worker_seen(queue)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


def _worker_seen(queue: Queue) -> bool:
    with transaction() as session:
        lines = round_views.workers(session).lines
    return any(line.alive and line.queue is queue for line in lines)
