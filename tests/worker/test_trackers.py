"""Training metrics sent to trackers too: a real run on the demo model, with stand-ins and with the real packages."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Metric, RoundState, RunState
from app.paths import ROOT
from app.services.event_files import scalars
from app.settings import get_settings
from tests.worker import rooms
from worker import trackers

# what is installed afresh for each, beside what constraints.txt says of what they bring
PACKAGES = {"wandb": ("wandb==0.31.0",), "trackio": ("trackio==0.43.0", "gradio_client==2.7.2")}
OLDER = ("pillow",)  # trackio wants one before 13


@pytest.fixture
def switched_on(active, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A function that switches trackers on for the worker."""

    def switch(names: str) -> None:
        settings = active.with_values(trackers=names, tracker_project="tests")
        monkeypatch.setattr(trackers, "get_settings", lambda: settings)

    return switch


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the log is warned of, from whichever thread."""
    lines: list[str] = []

    def warning(event: str, **more: str) -> None:
        lines.append(" ".join([event, *more.values()]))

    monkeypatch.setattr(trackers, "log", SimpleNamespace(warning=warning))
    return lines


def train(demo_model: Path) -> dict[int, dict[str, float]]:
    """A round that trains to its end: the scalars of each step as the database has them."""
    round_ = rooms.begin_training(rooms.make_study(demo_model))
    rooms.work_off(most=1)
    assert rooms.run_of(round_).state is RunState.FINISHED
    assert rooms.fresh(round_).state is RoundState.COMPLETE
    with transaction() as session:
        rows = session.scalars(select(Metric).where(Metric.training_run_id == rooms.run_of(round_).id))
        return {row.step: scalars(row.values) for row in rows}


class StandIn:
    """A module with an `init` that notes what it is told."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.logged: dict[int, dict[str, float]] = {}
        self.begun: dict[str, object] = {}
        self.finished = False
        self.fails_at = fails_at
        self.Settings = SimpleNamespace

    def init(self, **options: object) -> "StandIn":
        self.begun = options
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        if step == self.fails_at:
            raise SystemExit("no room")
        assert step not in self.logged
        self.logged[step] = values

    def finish(self) -> None:
        self.finished = True


def test_nothing_is_imported_where_none_is_switched_on(active, demo_model: Path) -> None:  # type: ignore[no-untyped-def]
    assert get_settings().trackers == ""
    assert train(demo_model)
    assert not {"wandb", "trackio"} & sys.modules.keys()


def test_every_step_is_told_once_and_one_that_fails_or_lacks_stops_nothing(  # type: ignore[no-untyped-def]
    switched_on, demo_model: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    good, bad = StandIn(), StandIn(fails_at=2)
    monkeypatch.setitem(sys.modules, "trackio", good)
    monkeypatch.setitem(sys.modules, "wandb", bad)
    switched_on("wandb, trackio")
    stored = train(demo_model)
    assert good.logged == stored
    assert good.finished
    assert (good.begun["project"], good.begun["resume"]) == ("tests", "allow")
    assert good.begun["config"]["learning_rate"] == 1e-3  # type: ignore[index]
    assert bad.logged.keys() == {1}
    assert not bad.finished
    assert said == ["tracker_failed wandb SystemExit: no room"]


def test_one_that_is_not_installed_is_named(  # type: ignore[no-untyped-def]
    switched_on, demo_model: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    switched_on("wandb")
    assert train(demo_model)
    assert said == ["tracker_missing wandb Install it where the worker runs: pip install wandb"]


def test_steps_that_an_attempt_before_has_told_are_not_told_again(  # type: ignore[no-untyped-def]
    switched_on, demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = StandIn()
    monkeypatch.setitem(sys.modules, "trackio", tracker)
    switched_on("trackio")
    round_ = rooms.begin_training(rooms.make_study(demo_model))
    with transaction() as session:
        session.add(Metric(training_run_id=rooms.run_of(round_).id, step=1, values={"step": 1, "loss": 0.5}))
    rooms.work_off(most=1)
    assert tracker.logged
    assert min(tracker.logged) == 2


class Elsewhere:
    """A tracker's real package in an environment of its own, in a module's place here: each call is made there."""

    def __init__(self, python: Path, name: str, folder: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"WANDB_MODE": "offline", "WANDB_DIR": str(folder), "TRACKIO_DIR": str(folder)}
        self.process = subprocess.Popen(
            [python, Path(__file__).with_name("real_tracker.py"), name, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder,
        )  # fmt: skip
        assert self.answer() == "ready"
        self.folder = folder
        self.Settings = dict

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended with {self.process.wait(30)}; standard error has the reason"
        return json.loads(line)

    def call(self, name: str, **said: Any) -> Any:
        assert self.process.stdin is not None
        print(json.dumps({"name": name, **said}), file=self.process.stdin, flush=True)
        return self.answer()

    def init(self, **options: Any) -> "Elsewhere":
        self.call("init", options=options)
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        self.call("log", values=values, step=step)

    def finish(self) -> None:
        self.call("finish")


@pytest.fixture(params=PACKAGES)
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Elsewhere]]:
    """The name of a tracker and its package, freshly installed where there is nothing else."""
    name: str = request.param
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    wishes = tmp_path / "constraints.txt"
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    wishes.write_text("\n".join(line for line in lines if not line.startswith(OLDER)))
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    ran = subprocess.run(
        [*command, "--constraint", wishes, *PACKAGES[name]], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    written = tmp_path / "written"
    written.mkdir()
    module = Elsewhere(folder / "bin" / "python", name, written)
    with module.process as process:
        yield name, module
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.xdist_group("fresh environment")
def test_the_real_package_takes_every_step(  # type: ignore[no-untyped-def]
    switched_on, demo_model: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: tuple[str, Elsewhere], said: list[str]
) -> None:
    name, module = elsewhere
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("WANDB_DIR", str(module.folder))
    switched_on(name)
    stored = train(demo_model)
    assert said == []
    found = {int(step): values["train/loss"] for step, values in module.call("read").items()}
    assert found == {step: pytest.approx(values["train/loss"]) for step, values in stored.items()}
