"""An import: preference data made elsewhere read into a study of its own. Needs no torch."""

from app.db import transaction
from app.models import JobState
from app.services import import_formats, import_run, imports, jobs
from app.settings import get_settings
from worker.attempt import Attempt
from worker.d3po.errors import StoppedError


def run(held: Attempt) -> None:
    """Read it, from where it was. Where it is stopped, what is read stays."""
    with transaction() as session:
        jobs.held(session, held.claim)
        row = imports.of_job(session, held.claim)
    with import_formats.located(row.source, held.artifacts, get_settings().data_dir) as paths:
        import_run.run(
            transaction,
            held.artifacts,
            import_formats.opened(row.format, paths),
            row.id,
            own=f"{held.claim.job_id}-{held.claim.attempt}",
            steps=_Steps(held),
            hold=lambda session: jobs.held(session, held.claim),
            end=lambda session: jobs.end(jobs.held(session, held.claim), JobState.DONE),
        )


class _Steps:
    """Tells the job's progress; stops where the worker is told to."""

    def __init__(self, held: Attempt) -> None:
        self._held = held
        self._bytes, self._checks, self._rows = (held.progress(unit) for unit in ("bytes", "checks", "rows"))

    def hashed(self, done: int, total: int) -> None:
        self._go_on()
        self._bytes(done, total)

    def checked(self, done: int, total: int) -> None:
        self._go_on()
        self._checks(done, total)

    def written(self, done: int, total: int) -> None:
        self._go_on()
        self._rows(done, total)

    def _go_on(self) -> None:
        if self._held.should_stop():
            raise StoppedError("The import was told to stop.")
