"""One attempt at a job: compute, record, and end in exactly one of the ways there are.

It is recorded by its task; given back at a safe point (pause, shutdown); lost to another worker; or failed. Whichever
it is, no half file and no file that no row names is left behind.
"""

from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError
from structlog.contextvars import bound_contextvars

from app.artifacts import Artifacts
from app.db import transaction
from app.models import JobKind
from app.services import jobs, round_moves, rounds, sweep
from app.services.jobs import Claim, LostJob
from app.settings import get_settings
from worker.d3po.errors import StoppedError
from worker.failures import describe
from worker.files import OwnFiles
from worker.heartbeat import Heartbeat, Standing
from worker.job_log import kept
from worker.progress import Progress
from worker.shutdown import ShutdownFlag

log = structlog.get_logger(__name__)


class Attempt:
    """What a task may use while its process holds the job."""

    def __init__(self, claim: Claim, heartbeat: Heartbeat, shutting_down: ShutdownFlag) -> None:
        self.claim = claim
        self.artifacts = Artifacts(get_settings().artifacts)
        self._heartbeat = heartbeat
        self._shutting_down = shutting_down
        self._files: list[OwnFiles] = []

    def files(self, folder: str) -> OwnFiles:
        """A folder of this attempt's own: `folder` with the job and the attempt behind it."""
        own = OwnFiles(self.artifacts, f"{folder}/{self.claim.job_id}-{self.claim.attempt}")
        self._files.append(own)
        return own

    def progress(self, unit: str) -> Progress:
        return Progress(self.claim, unit)

    def should_stop(self) -> bool:
        """Asked by the library before each step."""
        return self._shutting_down.is_set() or self._heartbeat.standing is not Standing.HELD

    def is_lost(self) -> bool:
        return self._heartbeat.standing is Standing.LOST

    def discard_files(self) -> None:
        for own in self._files:
            own.discard()


def attempt(claim: Claim, shutting_down: ShutdownFlag, work: Callable[[Attempt], None]) -> None:
    """Do the job with its lease kept alive, and see to its end. Raises nothing but what the database refuses."""
    known = bound_contextvars(job=claim.job_id, kind=claim.kind.value, attempt=claim.attempt)
    with known, kept(claim), Heartbeat(claim) as heartbeat:
        log.info("job_begun")
        held = Attempt(claim, heartbeat, shutting_down)
        try:
            work(held)
            log.info("job_done")
        except LostJob:
            held.discard_files()
            log.info("job_lost")
        except StoppedError:
            held.discard_files()
            _give_back(held)
            log.info("job_stopped")
        except Exception as error:  # whatever it was, it is logged, stored and said
            log.exception("job_failed")
            _fail(held, error)


def _give_back(held: Attempt) -> None:
    if held.is_lost():
        return
    try:
        with transaction() as session:
            jobs.give_back(session, held.claim)
    except LostJob:
        return


def _fail(held: Attempt, error: Exception) -> None:
    """Store the failure. Files stay where the database itself broke off: the commit may have gone through."""
    if not isinstance(error, DBAPIError):
        held.discard_files()
    claim, failure = held.claim, describe(error, held.claim.kind)
    try:
        with transaction() as session:
            if claim.round_id is not None:
                rounds.locked(session, claim.round_id)  # before the job, as everywhere, so that nothing deadlocks
            for_good = jobs.fail(session, claim, error=failure.message, for_good=failure.for_good)
            if for_good:
                sweep.after_failure(
                    session, kind=claim.kind, job_id=claim.job_id, round_id=claim.round_id,
                    run_id=claim.training_run_id, reason=failure.message,
                )  # fmt: skip
    except LostJob:
        log.info("job_lost")
        return
    log.error("given_up" if for_good else "tried_again_later", reason=failure.message)
    if for_good and claim.kind is JobKind.CHUNK and claim.round_id is not None:
        with transaction() as session:
            round_moves.settle(session, claim.round_id)
