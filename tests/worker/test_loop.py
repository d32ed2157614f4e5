"""`tastemaker loop` as a person types it: the same services and worker, with a judge in the annotators' place."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from app.db import transaction
from app.errors import BadInput, Unavailable
from app.models import Choice, Round, RoundState, Study, User, UserKind
from app.settings import Settings
from tests.worker.processes import is_gone
from worker import cli, extra

STUDY = """
name = "Tiny"
question = "Which?"
model = "{model}"
prompts = "prompts.txt"
preset = "demo"
[sampling]
steps = 3
branch_from = 0
eval_draws = 2
[training]
steps_per_pair = 1
"""


@pytest.fixture
def command(active: Settings, demo_model: Path, tmp_path: Path) -> list[str]:
    """The loop on a tiny study."""
    (tmp_path / "prompts.txt").write_text("train: owl\ncat face\n")
    (tmp_path / "study.toml").write_text(STUDY.format(model=demo_model))
    options = ["--pairs", "2", "--seed", "1", "--study", str(tmp_path / "study.toml"), "--out", str(tmp_path / "out")]
    return [sys.executable, "-m", "app.cli", "loop", "--judge", "jpeg_compressibility", *options]


def environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, **settings.environment()}


def test_a_judge_runs_rounds_that_are_evaluated_and_a_signal_stops_all_of_it(
    active: Settings, command: list[str], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [*command, "--rounds", "50", "--json"], env=environment(active), stdout=subprocess.PIPE, text=True
    ) as loop:
        assert loop.stdout is not None
        base, first = (json.loads(loop.stdout.readline()) for _ in range(2))
        children = psutil.Process(loop.pid).children(recursive=True)
        loop.send_signal(signal.SIGTERM)  # as Ctrl+C does, which a shell in the background keeps from its children
        loop.stdout.read()
        assert loop.wait(60) == 130

    assert (base["round"], base["choices"], base["checkpoint"], base["difference"]) == (0, 0, None, None)
    assert (first["round"], first["choices"]) == (1, 2)
    assert first["checkpoint"] is not None
    assert first["difference"]["low"] <= first["difference"]["mean"] <= first["difference"]["high"]
    assert min(first["seconds"].values()) > 0
    assert children
    assert all(is_gone(child) for child in children)
    assert [json.loads(line) for line in (tmp_path / "out" / "lines.jsonl").read_text().splitlines()] == [base, first]
    with transaction() as session:
        study = session.scalars(select(Study)).one()
        assert study.settings["labeling"]["counted"] == "judges"
        assert study.current_checkpoint_id == first["checkpoint"]
        kinds = set(session.scalars(select(User.kind).join(Choice, Choice.user_id == User.id)))
        assert kinds == {UserKind.JUDGE}
        assert session.scalars(select(Round.state).where(Round.number == 1)).one() is RoundState.COMPLETE


def test_a_judge_that_is_not_installed_is_refused_before_anything_starts() -> None:
    with pytest.raises(BadInput, match="There is no judge 'beauty'"):
        cli._judge("beauty")


def test_the_process_that_forks_is_without_torch() -> None:
    code = "import sys, worker.cli, worker.celery_app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r'pip install "tastemaker\[worker\]"'):
        extra.require_extra()
