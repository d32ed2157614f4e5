"""What `tastemaker doctor` looks at. Each check says what it saw and, where that will not do, what to do about it."""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from rich.table import Column, Table
from rich.text import Text

from app.db import make_engine
from app.errors import TastemakerError
from app.settings import Settings
from app.supervisor.binaries import postgres_major, postgres_programs, valkey_program
from app.supervisor.lock import Instance, running_instance
from app.supervisor.migration import current_revision, head_revision
from app.supervisor.ports import refuse_taken_port

State = Literal["ok", "warn", "fail"]
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}
WORKER_PACKAGES = ("torch", "diffusers", "peft", "transformers", "safetensors")
GIGABYTE = 1 << 30
# Runs in a process of its own: the site's side never imports torch.
DEVICE = """
import json, torch
kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
name = torch.cuda.get_device_name() if kind == "cuda" else kind
print(json.dumps({"kind": kind, "name": name, "threads": torch.get_num_threads()}))
"""


@dataclass(frozen=True)
class Check:
    """One thing looked at: how it is, what was seen, what to do."""

    name: str
    state: State
    seen: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def run_all(settings: Settings) -> list[Check]:
    """Every check, in the order in which things are needed."""
    instance = running_instance(settings.data_dir)
    checks: list[Callable[[], Check]] = [
        _python,
        lambda: _server("PostgreSQL", settings.database_url, _postgres_wheel),
        lambda: _server("Valkey", settings.broker_url, lambda: str(valkey_program())),
        lambda: _cluster(settings),
        lambda: _disk(settings.data_dir),
        lambda: _instance(instance, settings),
        lambda: _port(instance, settings),
        lambda: _schema(instance, settings),
        _worker_packages,
        _device,
    ]
    return [check() for check in checks]


def as_table(checks: list[Check]) -> Table:
    """The checks for people."""
    table = Table.grid("", "", Column(overflow="fold"), padding=(0, 2))
    for check in checks:
        table.add_row(Text(check.state, style=STYLES[check.state]), check.name, f"{check.seen} {check.remedy}".strip())
    return table


def _python() -> Check:
    seen = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("python", "ok", seen)


def _server(name: str, url: str | None, wheel: Callable[[], str]) -> Check:
    if url is not None:
        return Check(name, "ok", "the one that the settings name")
    try:
        return Check(name, "ok", f"embedded, {wheel()}")
    except TastemakerError as error:
        return Check(name, "fail", error.message, error.remedy)


def _postgres_wheel() -> str:
    return f"PostgreSQL {postgres_major()}, {postgres_programs()}"


def _cluster(settings: Settings) -> Check:
    mark = settings.data_dir / "postgres" / "cluster" / "PG_VERSION"
    try:
        found = mark.read_text().strip()
    except FileNotFoundError:
        return Check("data folder", "ok", f"{settings.data_dir}, no embedded database in it yet")
    except PermissionError:
        return Check("data folder", "fail", f"{mark} cannot be read.", "Run as the user that made it.")
    seen = f"{settings.data_dir}, made by PostgreSQL {found}"
    if settings.database_url is None and found != str(postgres_major()):
        return Check("data folder", "fail", seen, f"This version brings {postgres_major()}; docs/operator.md: moving.")
    return Check("data folder", "ok", seen)


def _disk(data_dir: Path) -> Check:
    place = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    seen = f"{free / GIGABYTE:.1f} GB free at {place}"
    if free < GIGABYTE // 4:
        return Check("disk", "fail", seen, "Free some space: nothing can be stored soon.")
    if free < 2 * GIGABYTE:
        return Check("disk", "warn", seen, "A round of a large model needs more.")
    return Check("disk", "ok", seen)


def _instance(instance: Instance | None, settings: Settings) -> Check:
    if instance is None:
        return Check("instance", "ok", f"none runs on {settings.data_dir}")
    return Check("instance", "ok", f"`tastemaker {instance.command}`, process {instance.pid}, since {instance.started}")


def _port(instance: Instance | None, settings: Settings) -> Check:
    if instance is not None and instance.site_url is not None:
        return Check("port", "ok", f"the site answers at {instance.site_url}")
    try:
        refuse_taken_port(settings.host, settings.port)
    except TastemakerError as error:
        return Check("port", "fail", error.message, error.remedy)
    return Check("port", "ok", f"{settings.host}:{settings.port} is free")


def _schema(instance: Instance | None, settings: Settings) -> Check:
    url = settings.database_url or (instance.database_url if instance else None)
    if url is None:
        return Check("schema", "ok", f"looked at when the database runs; this version wants {head_revision()}")
    engine = make_engine(url, pool_size=1)
    try:
        found = current_revision(engine)
    except TastemakerError as error:
        return Check("schema", "fail", error.message, error.remedy)
    finally:
        engine.dispose()
    if found != head_revision():
        return Check("schema", "warn", f"at {found}, this version wants {head_revision()}", "Run: tastemaker migrate")
    return Check("schema", "ok", f"at {found}, as this version wants it")


def _worker_packages() -> Check:
    found = dict(_versions(WORKER_PACKAGES))
    missing = [name for name in WORKER_PACKAGES if name not in found]
    seen = ", ".join(f"{name} {number}" for name, number in found.items())
    if missing:
        remedy = f'Missing: {", ".join(missing)}. Only workers need them: pip install "tastemaker[worker]".'
        return Check("worker", "warn", seen or "not installed", remedy)
    return Check("worker", "ok", seen)


def _versions(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _device() -> Check:
    done = subprocess.run([sys.executable, "-c", DEVICE], capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    if done.returncode != 0:
        return Check("device", "warn", "not known: torch does not start", "Only workers need it.")
    device = json.loads(done.stdout.splitlines()[-1])
    return Check("device", "ok", f"{device['kind']} ({device['name']}), {device['threads']} threads")
