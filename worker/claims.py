"""Claiming: a woken worker takes the most urgent due job of its queue, and the next one, until none is due."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.db import transaction
from app.models import Queue
from app.services import jobs
from app.services.jobs import Claim
from app.settings import get_settings
from worker.shutdown import ShutdownFlag


@dataclass(frozen=True)
class Identity:
    """Who this worker is: its name, unique among workers, and the queue it serves."""

    name: str
    queue: Queue


def due_jobs(identity: Identity, shutting_down: ShutdownFlag) -> Iterator[Claim]:
    """Claim one job after the other while any is due and the worker may go on.

    A message only wakes: which job it named does not matter, nor whether it came twice.
    """
    while not shutting_down.is_set() and (claim := _claim(identity)) is not None:
        yield claim


def _claim(identity: Identity) -> Claim | None:
    lease_seconds = get_settings().job_lease_seconds
    with transaction() as session:
        return jobs.claim(session, queue_name=identity.queue, worker=identity.name, lease_seconds=lease_seconds)
