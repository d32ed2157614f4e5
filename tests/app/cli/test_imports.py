"""`tastemaker import` as a script types it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import main
from app.db import transaction
from app.services import import_writing, imports
from app.settings import Settings, activate
from tests import builders
from tests.importing import paper_folder, parquet_file, row


@pytest.fixture(autouse=True)
def elsewhere(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An instance that runs elsewhere, with a base model; the command is typed in an empty folder."""
    with activate(settings):
        monkeypatch.chdir(tmp_path)
        with transaction() as session:
            builders.base_model(session)
        yield


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code."""
    monkeypatch.setattr(sys, "argv", ["tastemaker", "import", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_parquet_files_become_a_study_once(monkeypatch, capsys, tmp_path):
    parquet_file(tmp_path / "a.parquet", [row(1), row(2)])
    parquet_file(tmp_path / "b.parquet", [row(1, user_id=8, label_0=0.5, label_1=0.5), row(3, has_label=False)])
    command = ("pick-a-pic", "a.parquet", "b.parquet", "--study", "Theirs", "--json")
    assert typed(monkeypatch, *command) == 0
    first = capsys.readouterr()
    told = json.loads(first.out)
    assert (told["pairs"], told["choices"], told["left_out"]) == (2, 3, {"no_label": 1})
    assert "1 rows without a label were left out" in first.err
    assert typed(monkeypatch, *command) == 0
    again = capsys.readouterr()
    assert json.loads(again.out) == told
    assert "nothing is imported twice" in again.err


def test_a_folder_of_the_paper_with_scores_elsewhere(monkeypatch, capsys, tmp_path):
    folder = paper_folder(tmp_path / "run")
    (folder / "sample.pkl").write_bytes(b"a pickle")
    (folder / "scores").rename(tmp_path / "said")
    assert typed(monkeypatch, "paper", "run", "--study", "Hands", "--scores", "said") == 0
    out, err = capsys.readouterr()
    assert "Hands, 9 pairs with 9 choices" in out
    assert "pickle was not opened" in err


def test_what_cannot_be_used_is_said_and_leaves_nothing(monkeypatch, capsys, tmp_path):
    parquet_file(tmp_path / "a.parquet", [row(1), row(2, label_0=3.0)])
    assert typed(monkeypatch, "pick-a-pic", "a.parquet", "--study", "Theirs") == 2
    assert "a.parquet, row 2: label_0 is 3.0, not 0, 0.5 or 1" in capsys.readouterr().err
    with transaction() as session:
        assert imports.lines(session) == []
    assert typed(monkeypatch, "pick-a-pic", "a.parquet", "--study", "Theirs", "--leave-out-bad") == 0
    assert "1 rows that cannot be used were left out" in capsys.readouterr().err


def test_one_that_was_interrupted_goes_on(monkeypatch, capsys, tmp_path):
    parquet_file(tmp_path / "a.parquet", [row(number) for number in range(20)])
    write = import_writing.Writer.write

    def interrupted(self, items):
        write(self, items)
        raise KeyboardInterrupt

    monkeypatch.setattr(import_writing.Writer, "write", interrupted)
    assert typed(monkeypatch, "pick-a-pic", "a.parquet", "--study", "Theirs") == 130
    assert "goes on from there" in capsys.readouterr().err
    monkeypatch.setattr(import_writing.Writer, "write", write)
    assert typed(monkeypatch, "pick-a-pic", "a.parquet", "--study", "Theirs", "--json") == 0
    assert json.loads(capsys.readouterr().out)["choices"] == 20
