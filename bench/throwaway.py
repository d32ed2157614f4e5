"""A product of its own for a benchmark: servers and site as processes, on loopback, in a temporary folder."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from app.artifacts import Artifacts
from app.db import make_engine, session_factory
from app.settings import Settings, make_settings
from app.supervisor import EmbeddedServers
from app.supervisor.child import Child
from app.supervisor.logs import Say
from app.supervisor.migration import migrate
from app.supervisor.ports import free_port
from app.supervisor.processes import Site


@dataclass(frozen=True)
class Product:
    """What a benchmark works on. `pids` are the site's process and the servers', by name."""

    settings: Settings
    sessions: sessionmaker[Session]
    artifacts: Artifacts
    pids: dict[str, int]


@contextmanager
def throwaway_product(say: Say, *, processes: int = 1) -> Iterator[Product]:
    """PostgreSQL as durable as in production, Valkey, and the site as `tastemaker up` runs it; nobody is signed in.

    With more `processes`, the site is as `tastemaker serve --processes` runs it.
    """
    with _open_folder() as folder, EmbeddedServers(folder / "data", say=say) as servers:
        settings = make_settings(
            data_dir=folder / "data",
            database_url=servers.database_url,
            broker_url=servers.broker_url,
            secret_key=secrets.token_urlsafe(32),
            port=free_port(),
            local_admin=False,
            log_level="warning",
        )
        migrate(settings)
        with _site(settings, processes, say) as site:
            engine = make_engine(settings.require_database_url(), pool_size=2)
            pids = {child.spec.name: child.pid for child in (site, *servers.children)}
            yield Product(settings, session_factory(engine), Artifacts(settings.artifacts), pids)
            engine.dispose()


@contextmanager
def _site(settings: Settings, processes: int, say: Say) -> Iterator[Child]:
    part = Site(settings)
    command = [*part.spec.command, *(("--workers", str(processes)) if processes > 1 else ())]
    child = Child(replace(part.spec, command=command), settings.data_dir, say)
    child.start()
    try:
        part.wait_ready(child)
        yield child
    finally:
        child.stop()


@contextmanager
def _open_folder() -> Iterator[Path]:
    """A temporary folder that another user may enter: started by root, PostgreSQL runs as one."""
    folder = Path(tempfile.mkdtemp(prefix="tastemaker-bench-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
