"""Imports as a worker reads them: told while they come, stopped and gone on with, and nothing twice."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import Conflict
from app.models import Choice, Import, Job, JobState, Queue, Round, RoundState, Study
from app.services import import_formats, import_run, import_writing, imports
from app.settings import Settings
from tests import builders
from tests.importing import parquet_file, row
from worker.attempt import attempt
from worker.claims import Identity, due_jobs
from worker.shutdown import ShutdownFlag
from worker.tasks import run


def ask(source: dict[str, Any], name: str = "From elsewhere") -> int:
    with transaction() as session:
        builders.base_model(session)
        made = imports.ask(session, format_name=import_formats.PICK_A_PIC, name=name, source=source, actor=None)
        return made.id


def in_folder(active: Settings, rows: int) -> dict[str, Any]:
    folder = active.data_dir / import_formats.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    parquet_file(folder / "a.parquet", [row(number) for number in range(rows)])
    return {"name": "a.parquet"}


def work_off(flag: ShutdownFlag | None = None) -> None:
    for claim in due_jobs(Identity("files", Queue.CPU), ShutdownFlag()):
        attempt(claim, flag or ShutdownFlag(), run)
        if flag is not None:
            return


def line_of(import_id: int) -> imports.ImportLine:
    with transaction() as session:
        return imports.line(session, import_id)


def choices() -> int:
    with transaction() as session:
        return session.scalar(select(func.count(Choice.id))) or 0


def test_what_lies_in_the_data_folder_is_read_and_told(active: Settings, artifacts: Artifacts) -> None:
    made = ask(in_folder(active, 20))
    assert line_of(made).state is JobState.WAITING
    work_off()
    line = line_of(made)
    assert (line.state, line.error, line.is_whole, line.choices) == (JobState.DONE, None, True, 20)
    assert (line.done, line.total, line.unit) == (20, 20, "rows")
    with transaction() as session:
        assert session.scalars(select(Round.state)).one() is RoundState.COMPLETE
        with pytest.raises(Conflict):
            imports.again(session, import_id=made, actor=None)
        with pytest.raises(Conflict):
            imports.stop(session, import_id=made, actor=None)


def test_an_uploaded_file_goes_once_it_is_read(active: Settings, artifacts: Artifacts, tmp_path: Path) -> None:
    stored = artifacts.put_file("imports/1/0", parquet_file(tmp_path / "x.parquet", [row(1)]))
    made = ask({"uploaded": [{"name": "x.parquet", "key": stored.key}]})
    work_off()
    assert line_of(made).is_whole
    assert not artifacts.exists(stored.key)


def test_one_that_is_stopped_keeps_what_it_read_and_goes_on(
    active: Settings, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ask(in_folder(active, 40))
    write = import_writing.Writer.write

    def stopped_meanwhile(self: import_writing.Writer, items: Any) -> None:
        write(self, items)
        if line_of(made).is_at_work:
            with transaction() as session:
                imports.stop(session, import_id=made, actor=None)

    monkeypatch.setattr(import_writing.Writer, "write", stopped_meanwhile)
    work_off()
    monkeypatch.undo()
    line = line_of(made)
    assert (line.state, line.position, line.ended_at, choices()) == (JobState.CANCELLED, 16, None, 16)
    with transaction() as session:
        imports.again(session, import_id=made, actor=None)
    work_off()
    assert (line_of(made).is_whole, choices()) == (True, 40)


def test_a_worker_that_dies_between_rows_costs_nothing(
    active: Settings, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ask(in_folder(active, 40))
    add = import_writing._add_choices
    calls: list[int] = []

    def broken(*given: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return add(*given)

    monkeypatch.setattr(import_writing, "_add_choices", broken)
    work_off()
    line = line_of(made)
    assert (line.state, line.position, choices()) == (JobState.WAITING, 16, 16)
    assert "out of memory" in (line.error or "")
    first = {key for key in artifacts.keys("studies") if "-1/" in key}
    assert len(first) == 4 * 16  # nothing of the rows that broke
    with transaction() as session:
        session.get_one(Job, session.get_one(Import, made).job_id).due_at = func.now()
    work_off()
    assert (line_of(made).is_whole, choices()) == (True, 40)


def test_bad_files_fail_it_for_good_with_the_rows_and_it_can_be_removed(active: Settings, artifacts: Artifacts) -> None:
    source = in_folder(active, 2)
    parquet_file(active.data_dir / "imports" / "a.parquet", [row(1), row(2, jpg_0=b"none")])
    made = ask(source)
    work_off()
    line = line_of(made)
    assert line.state is JobState.FAILED
    assert "a.parquet, row 2: picture 0 is no PNG, JPEG or WebP" in (line.error or "")
    with transaction() as session:
        assert session.scalar(select(func.count(Study.id))) == 0
        imports.remove(session, artifacts, import_id=made, actor=None)
        assert imports.lines(session) == []
    other = ask({**source, "leave_out_bad": True})
    work_off()
    assert line_of(other).left_out == {"bad": 1}


def test_the_same_files_again_are_refused_and_say_where_they_are(active: Settings, artifacts: Artifacts) -> None:
    source = in_folder(active, 1)
    first, second = ask(source), ask(source)
    work_off()
    line = line_of(second)
    assert line_of(first).is_whole
    assert line.state is JobState.FAILED
    assert f"see study {line_of(first).study_id}" in (line.error or "")
    assert choices() == 1


def test_a_worker_that_lost_it_stores_nothing_more(
    active: Settings, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ask(in_folder(active, 20))
    check = import_run.check

    def taken_meanwhile(*given: Any, **named: Any) -> None:
        check(*given, **named)
        with transaction() as session:
            session.get_one(Job, session.get_one(Import, made).job_id).attempt += 1

    monkeypatch.setattr(import_run, "check", taken_meanwhile)
    work_off()
    assert (line_of(made).study_id, choices()) == (None, 0)
