"""Dumps of the database in the data folder (`backups/`, custom format of pg_dump), and the way back from one."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, make_url

from app.errors import BadInput, OutOfSpace, Unavailable
from app.settings import Settings
from app.supervisor.binaries import postgres_programs

KEPT = 3


def dump(settings: Settings, label: str) -> Path:
    """Write the whole database to `backups/TIME-LABEL.dump`, keep the last three. Raises `Unavailable`."""
    folder = settings.data_dir / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{label}.dump"
    draft = target.with_suffix(".part")
    try:
        dump_to(settings, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    for old in sorted(folder.glob("*.dump"))[:-KEPT]:
        old.unlink()
    return target


def dump_to(settings: Settings, target: Path) -> None:
    """Write the whole database to the file `target`. Raises `Unavailable`, `OutOfSpace`."""
    _run("pg_dump", settings, "--format=custom", "--no-owner", "--file", str(target))


def restore(settings: Settings, source: Path) -> None:
    """Fill the empty database from a dump, in one transaction. Raises `BadInput`, `Unavailable`."""
    if not source.is_file():
        raise BadInput(f"There is no dump at {source}.", f"The last ones are in {settings.data_dir / 'backups'}.")
    _run("pg_restore", settings, "--no-owner", "--exit-on-error", "--single-transaction", str(source))


def _run(program: str, settings: Settings, *arguments: str) -> None:
    """Run one of PostgreSQL's client programs on the product's database."""
    url = make_url(settings.require_database_url())
    command = [_program(program), "--no-password", "--dbname", _public_address(url), *arguments]
    environment = {**os.environ, "PGPASSWORD": str(url.password or "")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    if "No space left on device" in done.stderr:
        raise OutOfSpace(
            f"The disk is full: {program} could not write to {settings.data_dir}.", "Free some space there."
        )
    raise Unavailable(
        f"{program} failed: {done.stderr.strip()}.",
        "Nothing was changed. Set that right, or make a backup yourself and run `tastemaker migrate --no-backup`.",
    )


def _program(name: str) -> str:
    """PostgreSQL's client program: the wheel's, else the one that this machine has. Raises `Unavailable`."""
    try:
        return str(postgres_programs() / name)
    except Unavailable:
        found = shutil.which(name)
        if found is None:
            raise
        return found


def _public_address(url: URL) -> str:
    """The address as PostgreSQL's programs read it, without the password: command lines are public."""
    return url._replace(drivername="postgresql", password=None).render_as_string()
