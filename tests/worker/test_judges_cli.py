"""`tastemaker judge` as a script types it."""

import json
import sys

import pytest

from app.artifacts import Artifacts
from app.cli import main
from app.db import transaction
from app.models import Answer
from app.settings import Settings
from tests import builders


@pytest.fixture
def study(active: Settings, artifacts: Artifacts) -> int:
    """A study of one round, whose three pairs people have answered; the instance runs elsewhere."""
    with transaction() as session:
        round_ = builders.round_(session)
        for _ in range(3):
            pair = builders.pair(session, round_id=round_.id, artifacts=artifacts)
            builders.choice(session, pair_id=pair.id, answer=Answer.FIRST)
        return round_.study_id


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code."""
    monkeypatch.setattr(sys, "argv", ["tastemaker", "judge", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_judges_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(monkeypatch, "list", "--json") == 0
    found = {judge["name"]: judge for judge in json.loads(capsys.readouterr().out)}
    assert found["jpeg_compressibility"]["larger_is_better"] is False
    assert found["pickscore"]["needs_device"] is True
    assert typed(monkeypatch, "list") == 0
    assert "brightness" in capsys.readouterr().out


def test_a_judge_scores_by_a_worker_of_the_command_and_is_compared(
    study: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "score", str(study), "--judge", "brightness", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["scored"], told["unreadable"]) == ("done", 6, 0)
    assert typed(monkeypatch, "agreement", str(study), "--json") == 0
    (agreement,) = json.loads(capsys.readouterr().out)
    assert (agreement["judge"], agreement["pairs"]) == ("brightness", 3)
    assert sum(agreement["table"].values()) == 3
    assert typed(monkeypatch, "agreement", str(study)) == 0
    assert "brightness" in capsys.readouterr().out


def test_what_cannot_be_scored_is_said(
    study: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "score", str(study), "--judge", "beauty") == 2
    assert "No worker has a judge 'beauty'" in capsys.readouterr().err
    assert typed(monkeypatch, "score", "999", "--judge", "brightness") == 4
    assert typed(monkeypatch, "score", str(study), "--judge", "saturation", "--no-wait", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "waiting"
