"""One child process: how to start it, how to end it, and the record by which the next start finds it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.supervisor import leftovers
from app.supervisor.identity import Identity
from app.supervisor.logs import BoundedLog, Pump, Say

LAUNCHER = Path(__file__).with_name("launch.py")
NEVER = re.compile(r"(?!)")


@dataclass(frozen=True)
class StopStep:
    """Send `signal`, then give the child `patience` seconds to end."""

    signal: signal.Signals
    patience: float


@dataclass(frozen=True)
class ChildSpec:
    """What a child is: its command line, and how it is started, watched and stopped.

    `stop` are the steps in which it is asked to end, a SIGKILL comes after them; `death_signal` is what it gets where
    the supervisor dies (Linux); `before_start` clears away what an earlier, killed one left; `important` picks the
    lines of its output that belong on the terminal.
    """

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    identity: Identity | None = None
    nice: int = 0
    stop: tuple[StopStep, ...] = (StopStep(signal.SIGTERM, 10),)
    death_signal: signal.Signals = signal.SIGTERM
    important: re.Pattern[str] = NEVER
    before_start: Callable[[], None] = lambda: None


class Child:
    """A process of `spec`, started and stopped as often as need be. Its files lie in `data_dir`.

    Start it from a thread that lives as long as the child: the kernel sends the death signal when that thread ends.
    """

    def __init__(self, spec: ChildSpec, data_dir: Path, say: Say = lambda line: None) -> None:
        self.spec = spec
        self.log = BoundedLog(data_dir / "logs" / f"{spec.name}.log")
        self.started_at = 0.0
        self._data_dir = data_dir
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._pump: Pump | None = None
        self._has_group = False
        self._asked = False

    @property
    def pid(self) -> int:
        """The process's id; it leads a process group of its own."""
        assert self._process is not None, f"{self.spec.name} was never started"
        return self._process.pid

    def start(self) -> None:
        """Start the process; returns before it is ready to serve."""
        self.spec.before_start()
        self.log.path.parent.mkdir(parents=True, exist_ok=True)
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(self._plan()), *self.spec.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.spec.folder,
            env={**os.environ, **self.spec.environment, leftovers.MARK: str(self._data_dir)},
            start_new_session=True,  # so that Ctrl+C reaches the supervisor alone, which stops all in order
        )
        self._has_group, self._asked = True, False
        leftovers.record(self._data_dir, self.spec.name, self.pid)
        assert self._process.stdout is not None
        self._pump = Pump(self.spec.name, self._process.stdout, self.log, self.spec.important, self._say)

    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal), or None while it runs. Its group's stragglers end with it."""
        if self._process is None or self._process.poll() is None:
            return None
        self._end_stragglers()
        return self._process.returncode

    def wait(self) -> int:
        """How it ended, once it has, with all of its output read."""
        assert self._process is not None, f"{self.spec.name} was never started"
        assert self._pump is not None
        self._process.wait()
        self._end_stragglers()  # they would hold the output open
        self._pump.join(timeout=5)
        return self._process.returncode

    def ask_to_end(self) -> None:
        """Send the first signal of its stop steps, without waiting: several children can end side by side."""
        if self._process is not None and not self._asked:
            self._asked = True
            self._process.send_signal(self.spec.stop[0].signal)
        if self._pump is not None:
            self._pump.quiet = True

    def stop(self) -> None:
        """End the process step by step, then by force; returns when it is gone."""
        if self._process is None:
            return
        self.ask_to_end()
        for number, step in enumerate(self.spec.stop):
            if number > 0:
                self._process.send_signal(step.signal)
            if self._ended_within(step.patience):
                break
        else:
            self._process.kill()
        self.wait()

    def _ended_within(self, patience: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _end_stragglers(self) -> None:
        """Kill what is left of the ended process's group, once: its id may soon be another's."""
        if self._has_group:
            leftovers.kill_group(self.pid)
            leftovers.forget(self._data_dir, self.spec.name)
            self._has_group = False

    def _plan(self) -> dict[str, object]:
        user = self.spec.identity
        return {
            "parent": os.getpid(),
            "death_signal": int(self.spec.death_signal),
            "nice": self.spec.nice,
            "user": [user.uid, user.gid] if user else None,
            "capability": user.capability if user else None,
        }
