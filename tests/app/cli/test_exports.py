"""`tastemaker export` as a script types it."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow.parquet import read_table

from app.artifacts import Artifacts
from app.cli import main
from app.db import transaction
from app.settings import Settings, activate
from tests import builders, scenes


@pytest.fixture
def study(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[int]:
    """A study whose instance runs elsewhere, as in production; the command is typed in an empty folder."""
    with activate(settings):
        monkeypatch.chdir(tmp_path)
        with transaction() as session:
            study = builders.study(session)
            scenes.labeling_round(session, study, pairs=4, closed=3, artifacts=Artifacts(settings.artifacts))
        yield study.id


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code."""
    monkeypatch.setattr(sys, "argv", ["tastemaker", "export", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_file_is_written_here_and_told_as_json(study, monkeypatch, capsys, tmp_path):
    assert typed(monkeypatch, str(study), "--format", "csv", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"path": f"study-{study}-csv.csv", "format": "csv", "rounds": "preference", "rows": 3}
    with (tmp_path / told["path"]).open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


def test_formats_of_several_files_are_a_folder_and_nothing_is_written_over(study, monkeypatch, capsys, tmp_path):
    assert typed(monkeypatch, str(study), "--format", "dataset", "--out", "taste") == 0
    assert read_table(tmp_path / "taste" / "preferences" / "train-00000.parquet").num_rows == 3
    assert typed(monkeypatch, str(study), "--format", "dataset", "--out", "taste") == 5
    assert "another name" in capsys.readouterr().err


def test_what_is_no_format_or_no_study_is_said(study, monkeypatch, capsys):
    assert typed(monkeypatch, str(study), "--format", "xls") == 2
    assert "pickapic" in capsys.readouterr().err
    assert typed(monkeypatch, "999") == 4
