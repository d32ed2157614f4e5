"""The database: one engine a process, sessions from it, and the one function that commits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import structlog
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.settings import get_settings

log = structlog.get_logger(__name__)

AFTER_COMMIT = "after_commit"


def make_engine(url: str, *, pool_size: int = 10, max_overflow: int = 20) -> Engine:
    """An engine on `url` (postgresql+psycopg://…) whose connections survive a restart of the server.

    Site processes keep up to `pool_size` connections open and `max_overflow` more under load; a worker needs two.
    """
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        connect_args={"application_name": "tastemaker", "connect_timeout": 10, "options": "-c timezone=UTC"},
    )


def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions on `engine` whose objects stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@lru_cache
def sessions_on(url: str) -> sessionmaker[Session]:
    """The process's own sessions on the database at `url`, made once."""
    return session_factory(make_engine(url))


def after_commit(session: Session, callback: Callable[[], object]) -> None:
    """Run `callback` once this session's transaction is committed; never where it is rolled back."""
    session.info.setdefault(AFTER_COMMIT, []).append(callback)


@contextmanager
def transaction(factory: sessionmaker[Session] | None = None) -> Iterator[Session]:
    """One transaction: commits at the end, rolls back on any error. Nothing else in the product commits.

    Without a `factory` it is on the database that the settings name.

    After a successful commit the callbacks that `after_commit` noted run in order. By then the facts are stored, so a
    callback that fails (a broker that is away) is logged and not raised: the sweep finds what it left undone.
    """
    with (factory or sessions_on(get_settings().require_database_url()))() as session:
        with session.begin():
            yield session
        callbacks = session.info.pop(AFTER_COMMIT, [])
    for callback in callbacks:
        _run(callback)


def _run(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        log.exception("after_commit_failed", callback=repr(callback))
