"""What keeps a job and a worker alive in the database while the worker computes."""

from collections.abc import Callable
from contextvars import copy_context
from enum import StrEnum
from importlib.metadata import version
from threading import Event, Thread
from types import TracebackType
from typing import Self

import psutil
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.db import transaction
from app.services import jobs
from app.services.jobs import Claim, LostJob, Verdict
from app.settings import get_settings
from worker.claims import Identity

log = structlog.get_logger(__name__)

Memory = tuple[int, int]  # bytes used, and all there are


def machine_memory() -> Memory:
    """The machine's own memory: what cannot be had at once counts as used."""
    found = psutil.virtual_memory()
    return found.total - found.available, found.total


class Standing(StrEnum):
    """How an attempt stands to its job, as the last heartbeat said."""

    HELD = "held"
    GIVE_BACK = "give_back"
    LOST = "lost"


class Heartbeat:
    """Renews a job's lease from a thread of its own while the context lasts, and remembers what it was told.

    A database that is away is no reason to stop: the work is only lost once another worker has taken the job.
    """

    def __init__(self, claim: Claim) -> None:
        self.standing = Standing.HELD
        self._claim = claim
        self._ended = Event()
        context = copy_context()  # what it logs belongs to the job, too
        self._thread = Thread(target=context.run, args=(self._beat,), name=f"heartbeat-{claim.job_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while self.standing is not Standing.LOST and not self._ended.wait(get_settings().heartbeat_seconds):
            self.standing = self._ask()

    def _ask(self) -> Standing:
        try:
            with transaction() as session:
                verdict = jobs.beat(session, self._claim, lease_seconds=get_settings().job_lease_seconds)
        except LostJob:
            return Standing.LOST
        except SQLAlchemyError as error:
            log.warning("heartbeat_failed", reason=str(error))
            return self.standing
        return Standing.GIVE_BACK if verdict is Verdict.GIVE_BACK else Standing.HELD


class Presence:
    """Says every few seconds, as long as this process lives, that the worker is there, busy or not.

    `device` is what it is said to compute on, and `memory` what it has there: what the settings and the machine say,
    until torch is loaded and knows better.
    """

    def __init__(self, identity: Identity, device: str) -> None:
        self.device = device
        self.memory: Callable[[], Memory] = machine_memory
        self._identity = identity
        Thread(target=self._stay, name="presence", daemon=True).start()

    def _stay(self) -> None:
        pause, fresh = Event(), True
        while True:
            say_present(self._identity, self.device, self.memory(), fresh=fresh)
            fresh = False
            pause.wait(get_settings().heartbeat_seconds)


def say_present(identity: Identity, device: str, memory: Memory | None = None, *, fresh: bool = False) -> None:
    """Say once that the worker is there. A database that is away is only logged."""
    try:
        with transaction() as session:
            jobs.see_worker(
                session, name=identity.name, queue_name=identity.queue, device=device, version=version("tastemaker"),
                memory=memory, fresh=fresh,
            )  # fmt: skip
    except SQLAlchemyError as error:
        log.warning("presence_failed", worker=identity.name, reason=str(error))
