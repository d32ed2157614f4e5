"""Migrations as `up` runs them: after a dump where there is something to lose, never backwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, make_url, text

from app.db import make_engine
from app.errors import BadInput, Refused, Unavailable
from app.settings import Settings
from app.supervisor import backup
from app.supervisor.migration import alembic_config, current_revision, head_revision, migrate


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings.require_database_url(), pool_size=1)
    yield engine
    engine.dispose()


def emptied(engine: Engine) -> None:
    """Take every migration back."""
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        connection.execute(text("DROP TABLE alembic_version"))


def dumps(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "backups").glob("*"))


def test_an_empty_database_is_made_without_a_dump(settings: Settings, engine: Engine) -> None:
    emptied(engine)
    assert migrate(settings) is True
    assert current_revision(engine) == head_revision()
    assert dumps(settings) == []


def test_nothing_happens_where_nothing_is_due(settings: Settings) -> None:
    assert migrate(settings) is False
    assert dumps(settings) == []


def test_a_database_that_is_behind_is_dumped_first(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr("app.supervisor.migration.head_revision", lambda: "the next")
    assert migrate(settings, lines.append) is True
    [dump] = dumps(settings)
    assert dump.name.endswith(f"-{current_revision(engine)}.dump")
    assert dump.read_bytes()[:5] == b"PGDMP"
    assert lines[0] == f"Saved the database as {dump} before upgrading it."


def test_a_database_of_a_newer_version_is_refused(settings: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_tomorrow'"))
    with pytest.raises(Refused, match="at revision from_tomorrow, which this version does not know"):
        migrate(settings)
    assert current_revision(engine) == "from_tomorrow"


def test_a_server_that_is_too_old_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.supervisor.migration.OLDEST_SERVER", 99)
    with pytest.raises(Refused, match=r"The database server is PostgreSQL \d+; 99 or newer is needed"):
        migrate(settings)


def test_the_last_three_dumps_are_kept(settings: Settings) -> None:
    made = [backup.dump(settings, f"r{number}") for number in range(5)]
    assert dumps(settings) == made[2:]


def test_a_dump_brings_everything_back(settings: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE precious AS SELECT 'clicks' AS what"))
    dump = backup.dump(settings, "now")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE precious"))
    emptied(engine)
    backup.restore(settings, dump)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT what FROM precious")) == "clicks"
    assert current_revision(engine) == head_revision()


def test_a_dump_that_is_not_there_is_said(settings: Settings) -> None:
    with pytest.raises(BadInput, match="There is no dump at"):
        backup.restore(settings, Path("not-there.dump"))


def test_a_dump_that_fails_leaves_the_earlier_ones_and_nothing_half_written(settings: Settings) -> None:
    kept = backup.dump(settings, "good")
    url = make_url(settings.require_database_url()).set(database="not_there")
    broken = settings.with_values(database_url=url.render_as_string(hide_password=False))
    with pytest.raises(Unavailable, match=r'pg_dump failed: .*database "not_there" does not exist'):
        backup.dump(broken, "bad")
    assert dumps(settings) == [kept]


def test_no_password_is_shown_on_a_command_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    run = backup.subprocess.run
    monkeypatch.setattr(backup.subprocess, "run", lambda command, **rest: seen.append(command) or run(command, **rest))
    backup.dump(settings, "now")
    password = str(make_url(settings.require_database_url()).password)
    assert seen
    assert not any(password in part for part in seen[0])
