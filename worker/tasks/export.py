"""An export: the study's data read pair by pair, written to a file of this machine, then stored. Needs no torch."""

import tempfile
from pathlib import Path

from app.db import transaction
from app.models import Export
from app.services import export_files, export_formats, export_source, exports, jobs
from app.services.export_source import Rounds, Source
from app.settings import get_settings
from worker.attempt import Attempt
from worker.d3po.errors import StoppedError


def run(held: Attempt) -> None:
    """Write it; memory does not grow with the study. Where it is stopped nothing stays behind."""
    secret = get_settings().secret()
    with transaction() as session:
        jobs.held(session, held.claim)
        export = exports.of_job(session, held.claim, secret)
        study = export_source.about(session, export.study_id)
        format_ = export_formats.get(export.format)
        format_.check(session, export.study_id, Rounds(export.rounds))
    told = held.progress("pairs")

    def say(done: int) -> None:
        if held.should_stop():
            raise StoppedError("The export was told to stop.")
        told(min(done, total), total)  # pairs may be answered meanwhile

    source = Source(transaction, held.artifacts, study, Rounds(export.rounds), secret=secret, told=say)
    total = source.count() * format_.walks
    say(0)
    with tempfile.TemporaryDirectory(prefix="tastemaker-export-") as folder:
        path = Path(folder) / "export"
        export_files.write(source, format_, path)
        _store(held, export, path, source.written)


def _store(held: Attempt, export: Export, path: Path, rows: int) -> None:
    extension = export_formats.get(export.format).extension
    files = held.files(f"studies/{export.study_id}/exports")
    stored = files.put_file(f"{export.format}.{extension}", path)
    with transaction() as session:
        exports.record(session, held.claim, stored, rows=rows)
    files.keep()
