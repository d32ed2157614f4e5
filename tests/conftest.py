"""What tests stand on: a real PostgreSQL and a real Valkey, one of each per test process, in a temporary folder.

The migrations build one database per process; every test works on a copy of it or in a transaction that is rolled
back. Nothing is skipped where a part is missing: the test fails and says which.
"""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
import redis
import structlog
from psycopg import sql
from sqlalchemy import make_url
from sqlalchemy.orm import Session, sessionmaker

from app.db import make_engine, session_factory, sessions_on
from app.settings import Settings, make_settings
from app.supervisor import EmbeddedServers
from app.supervisor.migration import upgrade

SECRET = "only-for-tests-only-for-tests-only-for-tests"
NUMBERS = count(1)


@pytest.fixture(scope="session", autouse=True)
def heed_ctrl_c() -> None:
    """A shell keeps Ctrl+C from what it runs in the background, and its children too; tests send it on purpose."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A temporary folder that another user may enter: as root, PostgreSQL runs as one."""
    folder = Path(tempfile.mkdtemp(prefix="tastemaker-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def servers(server_folder: Path) -> Iterator[EmbeddedServers]:
    """The test process's own PostgreSQL and Valkey."""
    with EmbeddedServers(server_folder / "data", durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def template_url(servers: EmbeddedServers) -> str:
    """A database as the migrations make it, to be copied and never written to."""
    assert servers.database_url is not None
    engine = make_engine(servers.database_url, pool_size=1)
    upgrade(engine)
    engine.dispose()
    return servers.database_url


@pytest.fixture(scope="session")
def shared_database_url(template_url: str) -> Iterator[str]:
    """The copy in which tests roll back."""
    yield from copy_of(template_url)


@pytest.fixture
def database_url(template_url: str) -> Iterator[str]:
    """A database of the test's own, in which it may commit."""
    yield from copy_of(template_url)


@pytest.fixture
def sessions(database_url: str) -> Iterator[sessionmaker[Session]]:
    """Sessions on the test's own database, to be given to `transaction`."""
    engine = make_engine(database_url)
    yield session_factory(engine)
    engine.dispose()


@pytest.fixture
def db(shared_database_url: str) -> Iterator[Session]:
    """A session inside a transaction that is rolled back after the test."""
    engine = make_engine(shared_database_url, pool_size=1)
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        outer.rollback()
    engine.dispose()


@pytest.fixture
def broker_url(servers: EmbeddedServers) -> str:
    """An empty broker."""
    assert servers.broker_url is not None
    with redis.Redis.from_url(servers.broker_url) as client:
        client.flushall()
    return servers.broker_url


@pytest.fixture
def settings(tmp_path: Path, database_url: str, broker_url: str) -> Iterator[Settings]:
    """Settings on the test's own database, broker and folder, whatever the environment says."""
    ours = make_settings(
        data_dir=tmp_path / "data", database_url=database_url, broker_url=broker_url, secret_key=SECRET, threads=1
    )
    yield ours
    # what code under test opened by itself: a process of the product keeps its connections to its end
    sessions_on(ours.require_database_url()).kw["bind"].dispose()
    sessions_on.cache_clear()


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command that runs in this process logs to what stands for its standard error, which is closed afterwards."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty temporary folder that other users may pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="tastemaker-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    """A data folder that does not exist yet."""
    return open_folder / "data"


def copy_of(template_url: str) -> Iterator[str]:
    """The address of a fresh copy of the database, which is dropped afterwards."""
    template = make_url(template_url)
    name = f"test_{next(NUMBERS)}"
    admin = template.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    copy, original = sql.Identifier(name), sql.Identifier(str(template.database))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(copy, original))
        yield template.set(database=name).render_as_string(hide_password=False)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(copy))
