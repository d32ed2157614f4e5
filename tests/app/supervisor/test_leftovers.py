import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.supervisor import leftovers

SLEEP = "import time; time.sleep(3600)"


@contextmanager
def stray(data_dir: Path | None = None, code: str = SLEEP) -> Iterator[subprocess.Popen[bytes]]:
    """A process that no supervisor waits for, leader of a group; with our mark where a data folder is given."""
    mark = {leftovers.MARK: str(data_dir)} if data_dir else {}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **mark}, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_recorded_process_that_still_runs_is_ended_and_said(tmp_path: Path) -> None:
    lines: list[str] = []
    with stray() as process:
        leftovers.record(tmp_path, "site", process.pid)
        leftovers.end_leftovers(tmp_path, lines.append)
        assert process.wait(10) is not None
    assert lines == [f"Stopping site, left over from a run that was killed (process {process.pid})."]
    assert list((tmp_path / "run").iterdir()) == []


def test_a_process_that_only_has_the_same_id_is_left_alone(tmp_path: Path) -> None:
    with stray() as process:
        leftovers.record(tmp_path, "site", process.pid)
        path = tmp_path / "run" / "site.json"
        path.write_text(json.dumps({"pid": process.pid, "started": psutil.Process(process.pid).create_time() - 60}))
        leftovers.end_leftovers(tmp_path, lambda line: None)
        assert process.poll() is None
    assert not path.exists()


def test_the_members_of_a_dead_process_s_group_are_ended(tmp_path: Path) -> None:
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid)"
    with stray(tmp_path, code) as leader:
        leftovers.record(tmp_path, "worker", leader.pid)
        assert leader.stdout is not None
        member = psutil.Process(int(leader.stdout.readline()))
        leader.wait(10)
        leftovers.end_leftovers(tmp_path, lambda line: None)
        assert not member.is_running()


def test_a_group_of_another_data_folder_is_left_alone(tmp_path: Path) -> None:
    with stray(tmp_path / "another") as other:
        path = tmp_path / "run" / "worker.json"
        path.parent.mkdir()
        path.write_text(json.dumps({"pid": other.pid, "started": 1.0}))
        leftovers.end_leftovers(tmp_path, lambda line: None)
        assert other.poll() is None


def test_a_half_written_record_blocks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run" / "site.json"
    path.parent.mkdir()
    path.write_text('{"pid": 12')
    leftovers.end_leftovers(tmp_path, lambda line: None)
    assert not path.exists()
