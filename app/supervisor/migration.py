"""Bringing the database to this version's schema: by itself at the start, after a dump into the data folder."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from app.db import make_engine
from app.errors import Refused, Unavailable
from app.paths import MIGRATIONS
from app.settings import Settings
from app.supervisor.backup import dump
from app.supervisor.logs import Say

OLDEST_SERVER = 15
ADVISORY_LOCK = 7_283_011  # any number that nothing else of ours uses


def migrate(settings: Settings, say: Say = lambda line: None, *, backup: bool = True) -> bool:
    """Upgrade the database if it is behind, after a dump of what it holds. Returns whether there was anything to do.

    Raises `Refused` where the database is newer than this version, and what `current_revision` raises. Two that start
    at once do it one after the other.
    """
    engine = make_engine(settings.require_database_url(), pool_size=1)
    try:
        found, wanted = current_revision(engine), head_revision()
        if found == wanted:
            return False
        _refuse_newer(found)
        if found is not None and backup:
            say(f"Saved the database as {dump(settings, found)} before upgrading it.")
        upgrade(engine)
        say(f"The database is at revision {wanted}.")
        return True
    finally:
        engine.dispose()


def upgrade(engine: Engine) -> None:
    """Run every migration that is due, in one transaction."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        command.upgrade(alembic_config(connection), "head")


def current_revision(engine: Engine) -> str | None:
    """The revision that the database is at; None before the first migration.

    Raises `Unavailable` where the database does not answer, `Refused` where the server is too old.
    """
    try:
        with engine.connect() as connection:
            _refuse_old_server(connection)
            return MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise Unavailable(
            f"The database does not answer: {error.orig}", "Check TASTEMAKER_DATABASE_URL and that its server runs."
        ) from error


def revision_of(settings: Settings) -> str | None:
    """`current_revision` of the database that the settings name."""
    engine = make_engine(settings.require_database_url(), pool_size=1)
    try:
        return current_revision(engine)
    finally:
        engine.dispose()


def head_revision() -> str:
    """The revision that this version of the product wants."""
    head = _scripts().get_current_head()
    assert head is not None, f"{MIGRATIONS} holds no migration"
    return head


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the product's migrations, to be run on `connection`."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config())


def _refuse_old_server(connection: Connection) -> None:
    major = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10_000
    if major < OLDEST_SERVER:
        raise Refused(
            f"The database server is PostgreSQL {major}; {OLDEST_SERVER} or newer is needed.",
            "Upgrade it, or leave TASTEMAKER_DATABASE_URL unset: `tastemaker up` brings its own.",
        )


def _refuse_newer(found: str | None) -> None:
    if found is None:
        return
    try:
        _scripts().get_revision(found)
    except CommandError as error:
        raise Refused(
            f"The database is at revision {found}, which this version does not know: a newer one made it.",
            "Install that version again, or go back to a dump from before the upgrade (data folder, backups/).",
        ) from error
