from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from app.db import after_commit, transaction

Sessions = sessionmaker[Session]


@pytest.fixture
def names(sessions: Sessions) -> Sessions:
    with transaction(sessions) as session:
        session.execute(text("CREATE TABLE names (name text)"))
    return sessions


def stored(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(text("SELECT name FROM names ORDER BY name")))


def add(session: Session, name: str) -> None:
    session.execute(text("INSERT INTO names VALUES (:name)"), {"name": name})


def add_and_fail(sessions: Sessions, callback: Callable[[], None]) -> None:
    with transaction(sessions) as session:
        add(session, "lost")
        after_commit(session, callback)
        raise ZeroDivisionError


def test_a_transaction_commits_at_its_end(names: Sessions) -> None:
    with transaction(names) as session:
        add(session, "kept")
        assert stored(names) == []
    assert stored(names) == ["kept"]


def test_an_error_rolls_back_and_is_raised(names: Sessions) -> None:
    with pytest.raises(ZeroDivisionError):
        add_and_fail(names, lambda: None)
    assert stored(names) == []


def test_callbacks_run_after_the_commit_in_order(names: Sessions) -> None:
    seen: list[object] = []
    with transaction(names) as session:
        add(session, "kept")
        after_commit(session, lambda: seen.append(stored(names)))
        after_commit(session, lambda: seen.append("second"))
        assert seen == []
    assert seen == [["kept"], "second"]


def test_callbacks_never_run_after_a_rollback(names: Sessions) -> None:
    seen: list[str] = []
    with pytest.raises(ZeroDivisionError):
        add_and_fail(names, lambda: seen.append("ran"))
    assert seen == []


def test_a_callback_that_fails_neither_undoes_the_facts_nor_stops_the_next(names: Sessions) -> None:
    seen: list[str] = []
    with transaction(names) as session:
        add(session, "kept")
        after_commit(session, lambda: 1 / 0)
        after_commit(session, lambda: seen.append("next"))
    assert (stored(names), seen) == (["kept"], ["next"])


def test_the_time_zone_is_utc_whatever_the_machine_says(db: Session) -> None:
    assert db.scalar(text("SHOW timezone")) == "UTC"


@pytest.mark.parametrize("round_", [1, 2])
def test_what_a_test_writes_through_db_is_rolled_back(db: Session, round_: int) -> None:
    assert db.scalar(text("SELECT to_regclass('left_behind')")) is None
    db.execute(text("CREATE TABLE left_behind (number int)"))
    db.commit()
