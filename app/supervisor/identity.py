"""Who PostgreSQL runs as. It refuses to be root, so root hands it to an ordinary user of the system.

That user has to enter the data folder. Where a parent folder is closed to it (a project under /root), it keeps one
capability of root, to search and read, and nothing else of root's; a system without capabilities gets a clear message.
"""

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from app.errors import Refused, Unavailable

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


@dataclass(frozen=True)
class Identity:
    """A user that a child becomes, and the one capability that it keeps, if any."""

    name: str
    uid: int
    gid: int
    capability: int | None = None


def server_identity(data_dir: Path, cluster: Path) -> Identity | None:
    """The user for PostgreSQL's files and processes under `data_dir`; None where it is simply our own.

    A cluster that exists keeps its owner; raises `Refused` where that is somebody else and we are not root.
    """
    owner = (cluster if cluster.exists() else data_dir).stat().st_uid
    if os.geteuid() != 0:
        if cluster.exists() and owner != os.geteuid():
            raise Refused(
                f"The database in {cluster} belongs to another user (number {owner}).",
                "Run as that user or as root, or choose another TASTEMAKER_DATA_DIR.",
            )
        return None
    entry = _ordinary_user(owner)
    user = Identity(entry.pw_name, entry.pw_uid, entry.pw_gid)
    if may_enter(user, data_dir):
        return user
    return Identity(user.name, user.uid, user.gid, _search_capability(user, data_dir))


def may_enter(user: Identity, folder: Path) -> bool:
    """Whether the user may pass through `folder` and every folder above it."""
    return all(_may_execute(user, part) for part in (folder, *folder.parents))


def may_run(user: Identity, program: Path) -> bool:
    """Whether the user may reach and execute `program`."""
    return _may_execute(user, program) and may_enter(user, program.parent)


def _may_execute(user: Identity, path: Path) -> bool:
    info = path.stat()
    if info.st_uid == user.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == user.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def _ordinary_user(owner: int) -> pwd.struct_passwd:
    """The files' owner, else `nobody`, else any user but root; initdb wants one that the system knows by name."""
    users = {entry.pw_uid: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    nobody = next((entry for entry in users.values() if entry.pw_name == "nobody"), None)
    chosen = users.get(owner) or nobody or next(iter(users.values()), None)
    if chosen is None:
        raise Unavailable(
            "PostgreSQL refuses to run as root, and this system has no other user.",
            "Add one (`useradd tastemaker`), or set TASTEMAKER_DATABASE_URL to a PostgreSQL that runs elsewhere.",
        )
    return chosen


def _search_capability(user: Identity, data_dir: Path) -> int:
    """The least capability of root's that lets another user pass closed folders."""
    held = _held_capabilities()
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if held & (1 << capability):
            return capability
    closed = next(part for part in (data_dir, *data_dir.parents) if not _may_execute(user, part))
    raise Unavailable(
        f"As root, PostgreSQL has to run as the user {user.name}, which cannot enter {closed}.",
        "Set TASTEMAKER_DATA_DIR to a folder that it can enter (/var/lib/tastemaker), or run as an ordinary user.",
    )


def _held_capabilities() -> int:
    """This process's effective capabilities as a bit mask; 0 where the system has none."""
    if sys.platform != "linux":
        return 0
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
