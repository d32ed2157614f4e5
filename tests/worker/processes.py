"""Real worker processes, to be killed in the middle of what they do."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from app.services import sweep
from app.settings import Settings

PATIENCE_S = 240.0


class WorkerProcess:
    """`tastemaker worker` as an operator starts it: a parent that listens, and a child that computes."""

    def __init__(self, settings: Settings, name: str, log: Path) -> None:
        self._log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "worker", "--name", name],
                env={**_bare_environment(), **settings.environment()}, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self._log.read_text()

    def child(self) -> psutil.Process:
        """The process that computes."""
        (child,) = psutil.Process(self._process.pid).children()
        return child

    def kill(self) -> None:
        """As if the machine went away: parent and child at once."""
        self._process.kill()
        self._process.wait()

    def ends(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end: its exit code."""
        self._process.send_signal(how)
        return self._process.wait(PATIENCE_S)


@contextmanager
def running(settings: Settings, name: str, folder: Path) -> Iterator[WorkerProcess]:
    """A worker process that is gone when the context is left."""
    process = WorkerProcess(settings, name, folder / f"{name}.log")
    try:
        yield process
    finally:
        process.kill()


def wait_until(reached: Callable[[], Any], workers: list[WorkerProcess], *, pause: float = 0.05) -> None:
    """Sweep until `reached`; fails with what the workers said."""
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        said = "\n".join(worker.output for worker in workers)
        assert time.monotonic() < deadline, f"not reached within {PATIENCE_S:.0f} s; the workers said:\n{said}"
        sweep.sweep()
        time.sleep(pause)


def is_gone(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def _bare_environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith("TASTEMAKER_")}
