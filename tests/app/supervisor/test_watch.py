import sys
from pathlib import Path

import pytest

from app.errors import OutOfSpace, Unavailable
from app.supervisor import watch
from app.supervisor.child import Child, ChildSpec


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(watch, "TICK_S", 0.01)


def crashing(tmp_path: Path, message: str) -> Child:
    child = Child(ChildSpec("worker", [sys.executable, "-c", f"import sys; sys.exit({message!r})"]), tmp_path)
    child.start()
    return child


def test_a_child_that_will_not_stay_up_is_given_up_with_its_last_lines(tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(Unavailable, match="worker ended 6 times in a row, the last time with exit code 1") as caught:
        watch.watch([crashing(tmp_path, "no model here")], lines.append)
    assert "no model here" in caught.value.message
    assert str(tmp_path / "logs" / "worker.log") in caught.value.remedy
    pauses = [float(line.split(" again in ")[1].split(" s.")[0]) for line in lines]
    assert pauses == [0.001, 0.002, 0.004, 0.008, 0.016]


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(OutOfSpace, match="The disk is full: worker could not write to"):
        watch.watch([crashing(tmp_path, "OSError: [Errno 28] No space left on device")], lambda line: None)


def test_failures_long_ago_are_forgiven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SETTLED_S", 0.0)
    child, record = crashing(tmp_path, "again"), watch.Record(failures=5)
    child.wait()
    watch.look_after(child, record, lambda line: None)
    assert record.failures == 1


@pytest.mark.parametrize(("code", "words"), [(-9, "by SIGKILL"), (3, "with exit code 3")])
def test_how_a_child_ended_is_said_in_words(code: int, words: str) -> None:
    assert watch.how(code) == words
