"""The embedded Valkey: messages to the workers, kept in an append-only file so that they survive a crash.

Losing them loses nothing but time (the database's jobs are the truth), so an append-only file that cannot be read is
put aside rather than repaired.
"""

import os
import re
import signal
import socket
from pathlib import Path

from app.settings import kept_secret
from app.supervisor.binaries import valkey_program
from app.supervisor.child import Child, ChildSpec, StopStep
from app.supervisor.ports import LOOPBACK, free_port
from app.supervisor.readiness import wait_until


class Valkey:
    """A Valkey whose files lie in `data_dir/valkey`, on a free port of loopback, with a password."""

    name = "valkey"

    def __init__(self, data_dir: Path) -> None:
        self.port = free_port()
        self._folder = data_dir / "valkey"
        self._program = valkey_program()

    @property
    def url(self) -> str:
        """The broker's address, for Celery."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def spec(self) -> ChildSpec:
        """How it runs as a child. The password lies in the configuration file: command lines are public."""
        return ChildSpec(
            name="valkey",
            command=[str(self._program), str(self._configuration)],
            folder=self._folder,
            stop=(StopStep(signal.SIGTERM, 10),),
            important=re.compile(r"(?i)\b(fatal|error|panic|out of memory)\b"),
        )

    def prepare(self) -> None:
        """Write its configuration."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self._password}",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "daemonize no",
            "maxmemory-policy noeviction",
            "loglevel notice",
        ]
        descriptor = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as file:
            file.write("\n".join(lines) + "\n")

    def wait_ready(self, child: Child) -> None:
        """Return when it answers. Raises `Unavailable` with its last lines."""
        wait_until(self._answers, child)

    @property
    def _configuration(self) -> Path:
        return self._folder / "valkey.conf"

    @property
    def _password(self) -> str:
        return kept_secret(self._folder / "password")

    def _answers(self) -> bool:
        """By hand: importing the client takes longer than the server takes to start."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                return connection.recv(64).endswith(b"+PONG\r\n")
        except OSError:
            return False
