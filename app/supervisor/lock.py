"""One instance per data folder: a lock that ends with its process, and the addresses under which others find it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from app.errors import Refused

LOCK_FILE, USERS_FILE = "tastemaker.lock", "tastemaker.users"
PATIENCE_S = 1.0


@dataclass(frozen=True)
class Instance:
    """Who holds the data folder, and where its parts answer; an address is None until its part does."""

    pid: int
    command: str
    started: str
    database_url: str | None = None
    broker_url: str | None = None
    site_url: str | None = None


class InstanceLock:
    """The exclusive right to a data folder, held until `release` or the end of the process, however it ends."""

    def __init__(self, data_dir: Path, command: str) -> None:
        """Take the lock for `command` (`up`, `loop`…). Raises `Refused` where another process has it."""
        make_private_folder(data_dir)
        self._file = _open_private(data_dir / LOCK_FILE)
        if not _lock(self._file, fcntl.LOCK_EX, PATIENCE_S):
            self._file.close()
            raise _refusal(data_dir)
        self.instance = Instance(os.getpid(), command, datetime.now(UTC).isoformat(timespec="seconds"))
        self.announce()

    def announce(self, **addresses: Any) -> None:
        """Write down where parts answer: `database_url`, `broker_url`, `site_url`."""
        self.instance = replace(self.instance, **addresses)
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps(asdict(self.instance)))
        self._file.flush()

    def release(self) -> None:
        """Give the data folder back."""
        self._file.truncate(0)
        self._file.close()


def running_instance(data_dir: Path) -> Instance | None:
    """The instance that holds the data folder at this moment, or None."""
    try:
        file = (data_dir / LOCK_FILE).open("r")
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise _another_user_s(data_dir) from error
    with file:
        if _lock(file, fcntl.LOCK_SH, 0):
            return None
        return _read(file)


@contextmanager
def in_use(data_dir: Path) -> Iterator[None]:
    """Say that this process uses servers which another one started; that one waits for us before it stops them."""
    with _open_private(data_dir / USERS_FILE) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def wait_for_users(data_dir: Path) -> None:
    """Return when no other process is inside `in_use`."""
    with _open_private(data_dir / USERS_FILE) as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def make_private_folder(data_dir: Path) -> None:
    """Make the data folder, closed to other users; root's may be passed through, since PostgreSQL runs as another."""
    if data_dir.exists():
        return
    try:
        data_dir.mkdir(parents=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise Refused(
            f"The data folder {data_dir} cannot be made: {error.strerror}.",
            "Choose another: --data-dir or TASTEMAKER_DATA_DIR.",
        ) from error


def _open_private(path: Path) -> IO[str]:
    try:
        return open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except PermissionError as error:
        raise _another_user_s(path.parent) from error


def _lock(file: IO[str], kind: int, patience: float) -> bool:
    """Try to lock for `patience` seconds: a command that only looks whether an instance runs holds it for a moment."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _read(file: IO[str]) -> Instance | None:
    """What the holder wrote; it may be writing just now."""
    for _ in range(20):
        file.seek(0)
        with suppress(ValueError):
            return Instance(**json.load(file))
        time.sleep(0.05)
    return None


def _another_user_s(data_dir: Path) -> Refused:
    return Refused(
        f"The data folder {data_dir} belongs to another user.",
        "Run as that user, or choose another folder: --data-dir or TASTEMAKER_DATA_DIR.",
    )


def _refusal(data_dir: Path) -> Refused:
    instance = running_instance(data_dir)
    if instance is None:
        return Refused(f"Another process is using the data folder {data_dir}.", "Wait for its end, then try again.")
    site = f" Its site is at {instance.site_url}." if instance.site_url else ""
    return Refused(
        f"The data folder {data_dir} is in use: `tastemaker {instance.command}` runs on it as process {instance.pid}, "
        f"since {instance.started}.{site}",
        f"Stop that one (Ctrl+C, or kill {instance.pid}), or choose another folder: --data-dir or TASTEMAKER_DATA_DIR.",
        pid=instance.pid,
    )
