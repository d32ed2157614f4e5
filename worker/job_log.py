"""What is said while a job is worked on, kept for the job: heard at once, written in batches by a thread of its own.

Nothing here can fail or hold up the job: saying something puts it into memory, a batch that cannot be stored waits for
the next, and of too much the oldest is left out and counted.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Lock, Thread

import structlog

from app import logs
from app.db import transaction
from app.models import LogLevel
from app.services import job_logs
from app.services.job_logs import OF_A_ROUND, Said
from app.services.jobs import Claim
from worker import saying

SECONDS_BETWEEN = 1.0
MOST_WAITING = 200

log = structlog.get_logger(__name__)


@contextmanager
def kept(claim: Claim) -> Iterator[None]:
    """Keep what is said in this context for the job, all of it by the end; only jobs of a round have a log."""
    if claim.kind not in OF_A_ROUND:
        yield
        return
    job_log = JobLog(claim)
    try:
        with logs.heard_by(job_log.hear):
            yield
    finally:
        job_log.close()


class JobLog:
    """The lines of one attempt that are not stored yet, and the thread that stores them."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._round_id: int | None = None
        self._waiting: deque[Said] = deque(maxlen=MOST_WAITING)
        self._left_out = 0
        self._lock = Lock()
        self._ended = Event()
        self._thread = Thread(target=self._keep, name=f"log-{claim.job_id}", daemon=True)
        self._thread.start()

    def hear(self, event: structlog.typing.EventDict) -> None:
        """Take one line as it is logged."""
        level = LogLevel.ERROR if event["level"] == "critical" else LogLevel(event["level"])
        said = Said(datetime.now(UTC), level, saying.message(event))
        with self._lock:
            self._left_out += len(self._waiting) == MOST_WAITING
            self._waiting.append(said)

    def close(self) -> None:
        """Store what is left, and stop."""
        self._ended.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN):
            self._store()
        if not self._store():
            log.warning("job_log_incomplete", job=self._claim.job_id)

    def _store(self) -> bool:
        """Store what waits; says whether that went well. What could not be stored waits again."""
        with self._lock:
            taken, left_out = list(self._waiting), self._left_out
            self._waiting.clear()
            self._left_out = 0
        if not taken:
            return True
        try:
            self._write(_with_gap(taken, left_out))
        except Exception:  # noqa: BLE001 -- whatever it is, the job goes on, and the lines are tried once more
            with self._lock:
                room = MOST_WAITING - len(self._waiting)
                back = taken[-room:] if room else []
                self._waiting.extendleft(reversed(back))
                self._left_out += left_out + len(taken) - len(back)
            return False
        return True

    def _write(self, said: list[Said]) -> None:
        with transaction() as session:
            self._round_id = self._round_id or job_logs.round_of(session, self._claim)
            if self._round_id is not None:
                job_logs.store(session, self._claim, said, round_id=self._round_id)


def _with_gap(said: list[Said], left_out: int) -> list[Said]:
    if not left_out:
        return said
    return [
        Said(said[0].at, LogLevel.WARNING, f"{left_out} lines before this one were left out: too many at once"),
        *said,
    ]
