"""A supervisor as a process of its own: what it said, which children it has, and how it ended."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import make_url

from app.supervisor.child import LAUNCHER
from app.supervisor.ports import free_port

STAND_IN = Path(__file__).with_name("stand_in.py")
PATIENCE_S = 180.0
CHILDREN = ["postgres", "site", "valkey", "worker"]


class Running:
    """`up` on a data folder, with stand-ins for the site and the worker unless `command` says otherwise."""

    def __init__(self, data_dir: Path, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            self.lines.extend(iter(lambda: stream.readline().rstrip("\n"), ""))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def says(self, text: str, times: int = 1) -> None:
        """Wait until it has said `text`."""
        wait_until(lambda: self.output.count(text) >= times, lambda: f"{text!r} was not said:\n{self.output}")

    def pid(self, child: str) -> int:
        """The process of one child."""
        return int(json.loads((self.data_dir / "run" / f"{child}.json").read_text())["pid"])

    def runs_again(self, child: str, before: int) -> None:
        """Wait until another process than `before` is that child."""
        wait_until(lambda: self.pids().get(child, before) != before, lambda: f"{child} is not back:\n{self.output}")

    def pids(self) -> dict[str, int]:
        return {path.stem: self.pid(path.stem) for path in sorted((self.data_dir / "run").glob("*.json"))}

    def kill(self, child: str) -> int:
        """kill -9 of one child: the process it was."""
        pid = self.pid(child)
        os.kill(pid, signal.SIGKILL)
        return pid

    def ends(self, number: signal.Signals | None = None) -> int:
        """Its exit code, after sending it a signal if one is given."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code


@contextmanager
def running(data_dir: Path, *options: str, port: int | None = None, user: int | None = None) -> Iterator[Running]:
    """A supervisor with stand-ins, ended at the latest when the context is left."""
    command = [sys.executable, str(STAND_IN), str(data_dir), str(port or free_port()), *options]
    with run(data_dir, command if user is None else as_user(user, command)) as supervisor:
        yield supervisor


@contextmanager
def run(data_dir: Path, command: list[str], environment: dict[str, str] | None = None) -> Iterator[Running]:
    """A supervisor by its command line, ended at the latest when the context is left."""
    supervisor = Running(data_dir, command, environment)
    try:
        yield supervisor
    finally:
        if supervisor.process.poll() is None:
            supervisor.ends(signal.SIGTERM)
        supervisor._reader.join(PATIENCE_S)


def as_user(uid: int, command: list[str]) -> list[str]:
    """The command as another user, who may read the project wherever it lies (a closed home) and write only its own."""
    plan = {"parent": os.getpid(), "death_signal": int(signal.SIGTERM), "nice": 0, "user": [uid, uid], "capability": 2}
    return [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(plan), *command]


def wait_until(holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Return when it holds; fail with what `otherwise` says where it does not come to that."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


def ask_database(url: str | None, question: str) -> object:
    """The one value that answers the question."""
    plain = make_url(str(url)).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        row = connection.execute(question).fetchone()
        return row[0] if row else None


def gone(pid: int) -> bool:
    """Whether the process is no more (or only waits to be reaped)."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
