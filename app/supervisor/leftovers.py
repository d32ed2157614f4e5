"""Processes that a killed supervisor left behind: recorded when they start, ended before the next start.

A record is a file `run/NAME.json` with the process's id and start time; both have to fit, since ids are used again.
They are ended rather than adopted: a fresh start takes under a second, and then every child is our own to wait for.
"""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil

from app.supervisor.logs import Say

MARK = "SUPERVISED_BY_TASTEMAKER"
SAME_START_S = 2.0
PATIENCE_S = 10.0


def record(data_dir: Path, name: str, pid: int) -> None:
    """Note that process `pid` runs as `name`; it leads a process group of its own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        path = _record_path(data_dir, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({"pid": pid, "started": psutil.Process(pid).create_time()}))
        draft.replace(path)


def forget(data_dir: Path, name: str) -> None:
    """Remove the record of `name`."""
    _record_path(data_dir, name).unlink(missing_ok=True)


def end_leftovers(data_dir: Path, say: Say) -> None:
    """End whatever earlier children of this data folder still run. Call it with the folder's lock held."""
    for path in sorted((data_dir / "run").glob("*.json")):
        processes = list(_recorded_processes(data_dir, path))
        if processes:
            say(f"Stopping {path.stem}, left over from a run that was killed (process {processes[0].pid}).")
            end_processes(processes)
        path.unlink(missing_ok=True)


def end_processes(processes: list[psutil.Process], first: signal.Signals = signal.SIGINT) -> None:
    """Ask each to end by `first` (SIGINT: PostgreSQL's fast shutdown, which the others understand too), then kill."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(first)
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=PATIENCE_S)


def kill_group(pid: int) -> None:
    """Kill what is left of the process group that `pid` led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _recorded_processes(data_dir: Path, path: Path) -> Iterator[psutil.Process]:
    """The recorded process if it still runs, and the members of its group that carry our mark."""
    try:
        noted = json.loads(path.read_text())
        pid, started = int(noted["pid"]), float(noted["started"])
    except (ValueError, KeyError, TypeError):
        return
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if process.pid == pid:
                if abs(process.create_time() - started) < SAME_START_S:
                    yield process
            elif os.getpgid(process.pid) == pid and process.environ().get(MARK) == str(data_dir):
                yield process


def _record_path(data_dir: Path, name: str) -> Path:
    return data_dir / "run" / f"{name}.json"
