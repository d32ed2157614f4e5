"""Training metrics sent to trackers too: a real run on the demo model, with stand-ins and with the real packages."""

import json
import struct
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Metric, RoundState, RunState
from app.services.event_files import scalars
from app.settings import get_settings
from tests.worker import rooms
from worker import trackers


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


def test_weights_and_biases_takes_it_offline(  # type: ignore[no-untyped-def]
    switched_on, demo_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: list[str]
) -> None:
    pytest.importorskip("wandb", reason="pip install wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    switched_on("wandb")
    stored = train(demo_model)
    (file,) = tmp_path.rglob("*.wandb")
    found = {}
    for data in leveldb_records(file.read_bytes()[7:]):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            values = {(one.key or "/".join(one.nested_key)): json.loads(one.value_json) for one in record.history.item}
            found[values["_step"]] = values["train/loss"]
    assert found == {step: pytest.approx(values["train/loss"]) for step, values in stored.items()}


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """The records of a log in LevelDB's format (its first block lacks the 7 bytes that wandb writes before it)."""
    place, held = 0, b""
    while place + 7 <= len(data):
        left = 32_768 - (place + 7) % 32_768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", data, place + 4)
        held += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or its last part
            yield held
            held = b""


def test_trackio_takes_it(  # type: ignore[no-untyped-def]
    switched_on, demo_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = pytest.importorskip("trackio", reason="pip install trackio")
    switched_on("trackio")
    stored = train(demo_model)
    (run,) = trackio.Api().runs("tests")
    logs = import_module("trackio.sqlite_storage").SQLiteStorage.get_logs("tests", run.name)
    found = {one["step"]: one["train/loss"] for one in logs}
    assert found == {step: pytest.approx(values["train/loss"]) for step, values in stored.items()}
