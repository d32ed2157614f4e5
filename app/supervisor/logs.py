"""What a child prints: all of it in a file of bounded size, the important lines on the terminal."""

import os
import re
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

Say = Callable[[str], None]
LIMIT = 5 << 20
TAIL_LINES = 15


class BoundedLog:
    """A log file that is moved to `NAME.1` when it reaches `limit` bytes. A full disk loses lines, never the child."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self.path = path
        self._limit = limit
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def write(self, line: str) -> None:
        """Append one line."""
        self._tail.append(line)
        try:
            if self.path.exists() and self.path.stat().st_size > self._limit:
                os.replace(self.path, self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("a") as file:
                file.write(f"{line}\n")
        except OSError:
            return

    def tail(self) -> str:
        """The last lines written by this process, for a message."""
        return "\n".join(self._tail)


class Pump(threading.Thread):
    """Reads a child's output to its end, into its log; lines that match `important` are also said."""

    def __init__(self, name: str, stream: IO[bytes], log: BoundedLog, important: re.Pattern[str], say: Say) -> None:
        super().__init__(name=f"log-{name}", daemon=True)
        self._child, self._stream, self._log, self._important, self._say = name, stream, log, important, say
        self.quiet = False
        self.start()

    def run(self) -> None:
        with self._stream:
            for raw in self._stream:
                line = raw.decode(errors="replace").rstrip()
                self._log.write(line)
                if not self.quiet and self._important.search(line):
                    self._say(f"{self._child}: {line}")
