"""What `tastemaker doctor` and the system check's page look at.

Each check says what it saw and, where that will not do, what to do about it. `of_machine` looks at the machine it runs
on, before anything is started; `of_site` at a site that runs: database, broker, files, workers.
"""

import json
import platform
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from smtplib import SMTPException
from typing import Literal

from kombu.connection import Connection
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.db import make_engine
from app.errors import Refused, TastemakerError
from app.models import Queue
from app.services import delivery_views, house, mailing
from app.settings import Settings
from app.supervisor.binaries import postgres_major, postgres_programs, valkey_program
from app.supervisor.lock import Instance, running_instance
from app.supervisor.migration import current_revision, head_revision
from app.supervisor.ports import refuse_taken_port

State = Literal["ok", "warn", "fail"]
WORKER_PACKAGES = ("torch", "diffusers", "peft", "transformers", "safetensors")
GIGABYTE = 1 << 30
SLOW_S = 0.05
CLOCKS_APART_S = 5.0
PATIENCE_S = 3.0
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


def of_machine(settings: Settings) -> list[Check]:
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
        lambda: _mail(settings),
    ]
    return [check() for check in checks]


def of_site(session: Session, settings: Settings, artifacts: Artifacts) -> list[Check]:
    """Every check of a running site, from inside it. What takes long or starts a process is left to `of_machine`."""
    checks: list[Callable[[], Check]] = [
        _python,
        lambda: _database(session),
        lambda: _revision(session),
        lambda: _clock(session),
        lambda: _broker(settings),
        lambda: _files(artifacts),
        lambda: _disk(artifacts.local_path("disk") or settings.data_dir),
        lambda: _address(settings),
        *(lambda queue=queue: _workers(session, queue) for queue in Queue),
        lambda: _worker_versions(session),
        lambda: _mail(settings),
        lambda: _webhooks(session),
    ]
    return [check() for check in checks]


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


def _database(session: Session) -> Check:
    began = time.monotonic()
    session.execute(text("SELECT 1"))
    seconds = time.monotonic() - began
    major = str(session.scalar(text("SHOW server_version"))).split(" ")[0]
    size = session.scalar(select(func.pg_database_size(func.current_database()))) or 0
    seen = f"PostgreSQL {major}, {size / GIGABYTE:.2f} GB, answers in {seconds * 1000:.1f} ms"
    if seconds > SLOW_S:
        return Check("database", "warn", seen, "Every page waits for it: is it far away, or busy?")
    return Check("database", "ok", seen)


def _revision(session: Session) -> Check:
    found, wanted = session.scalar(text("SELECT version_num FROM alembic_version")), head_revision()
    if found != wanted:
        return Check("schema", "fail", f"at {found}, this version wants {wanted}", "Run: tastemaker migrate")
    return Check("schema", "ok", f"at {found}, as this version wants it")


def _clock(session: Session) -> Check:
    """Leases go by the database's clock, links and picture addresses by the site's."""
    there = session.scalar(select(func.clock_timestamp()))
    apart = abs((datetime.now(UTC) - there).total_seconds()) if there else 0.0
    seen = f"site and database are {apart:.1f} s apart"
    if apart > CLOCKS_APART_S:
        return Check("clock", "warn", seen, "Set both by NTP: links and pictures run out by the site's clock.")
    return Check("clock", "ok", seen)


def _broker(settings: Settings) -> Check:
    began = time.monotonic()
    try:
        with Connection(settings.require_broker_url(), connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except Exception as error:  # noqa: BLE001 -- whatever is wrong, it is said
        remedy = "Workers are woken by the sweep alone until it is back. Check TASTEMAKER_BROKER_URL."
        return Check("broker", "fail", f"does not answer: {type(error).__name__}", remedy)
    return Check("broker", "ok", f"answers in {(time.monotonic() - began) * 1000:.1f} ms")


def _files(artifacts: Artifacts) -> Check:
    """Write a small file, read it, remove it."""
    key, data = f"probes/{secrets.token_hex(8)}-1", secrets.token_bytes(1024)
    began = time.monotonic()
    try:
        stored = artifacts.put_bytes(key, data)
        artifacts.get_bytes(key, stored.sha256)
        artifacts.delete(key)
    except (TastemakerError, OSError) as error:
        return Check("files", "fail", f"cannot be written: {error}", "Check TASTEMAKER_ARTIFACTS_URL and its rights.")
    where = "a folder of this machine" if artifacts.is_local else "object storage"
    return Check("files", "ok", f"{where}, written and read in {(time.monotonic() - began) * 1000:.1f} ms")


def _address(settings: Settings) -> Check:
    if settings.public_url is None:
        return Check("address", "ok", f"{settings.site_url}; TASTEMAKER_PUBLIC_URL is not set")
    if not settings.public_url.startswith("https://"):
        remedy = "Put a proxy with a certificate before it: passwords and cookies cross the network in the clear."
        return Check("address", "warn", settings.public_url, remedy)
    return Check("address", "ok", settings.public_url)


def _workers(session: Session, queue: Queue) -> Check:
    name = f"workers, {queue.value}"
    alive = [worker for worker in house.workers(session) if worker.alive and worker.queue is queue]
    stuck = [worker.name for worker in alive if worker.stuck]
    if not alive:
        return Check(name, "warn", "none is running", f"Start one: tastemaker worker --queue {queue.value}")
    if stuck:
        remedy = "Its job has not moved for five minutes: look at its log, or start it again."
        return Check(name, "warn", f"{', '.join(stuck)} makes no progress", remedy)
    return Check(name, "ok", ", ".join(f"{worker.name} ({worker.device})" for worker in alive))


def _worker_versions(session: Session) -> Check:
    ours = version("tastemaker")
    others = sorted(
        f"{worker.name} has {worker.version or 'an older one'}"
        for worker in house.workers(session)
        if worker.alive and worker.version != ours
    )
    if others:
        return Check("versions", "warn", f"the site has {ours}; {', '.join(others)}", "Bring all to one version.")
    return Check("versions", "ok", f"site and workers have {ours}")


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


def _mail(settings: Settings) -> Check:
    if settings.smtp_host is None:
        return Check("e-mail", "ok", "not set up: TASTEMAKER_SMTP_HOST is not set")
    if settings.mail_from is None:
        return Check("e-mail", "fail", "TASTEMAKER_SMTP_HOST is set, and no sender", "Set TASTEMAKER_MAIL_FROM.")
    try:
        return Check("e-mail", "ok", mailing.look(settings, timeout_s=PATIENCE_S))
    except (OSError, SMTPException, Refused) as error:
        place = f"{settings.smtp_host}:{settings.mail_port}"
        remedy = "Check TASTEMAKER_SMTP_… Until it works, e-mail waits and is tried again for a day."
        return Check("e-mail", "fail", f"{place} does not take us: {error or type(error).__name__}", remedy)


def _webhooks(session: Session) -> Check:
    """Those that nothing reaches; who has none sees that there are none."""
    found = delivery_views.webhooks(session)
    off = [webhook.url for webhook in found if webhook.off_reason]
    failing = [webhook.url for webhook in found if webhook.failing_since and not webhook.off_at]
    if off or failing:
        said = [f"{url} was switched off" for url in off] + [f"{url} is failing" for url in failing]
        return Check("webhooks", "warn", "; ".join(said), "Webhooks, in the house's pages, shows what was answered.")
    return Check("webhooks", "ok", f"{len(found)}, none of them failing" if found else "none")


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
