"""One supervisor that runs while every test here looks at it."""

import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from app.supervisor import running_instance
from tests.app.supervisor.running import CHILDREN, Running, ask_database, running, wait_until

pytestmark = pytest.mark.xdist_group("one supervisor")
PLACES = [Path("/tmp"), Path("/dev/shm"), Path("/var/run"), Path.home()]


@pytest.fixture(scope="module")
def names_before() -> dict[Path, set[str]]:
    """What lay in the places where servers like to leave things."""
    return {place: names(place) for place in PLACES if place.exists()}


@pytest.fixture(scope="module")
def supervisor(names_before: dict[Path, set[str]]) -> Iterator[Running]:
    """Everything up, with stand-ins for the site and the worker."""
    with tempfile.TemporaryDirectory(prefix="tastemaker-") as folder:
        Path(folder).chmod(0o711)
        with running(Path(folder) / "data") as supervisor:
            supervisor.says("ready")
            yield supervisor


def test_the_servers_listen_on_loopback_only(supervisor: Running) -> None:
    for child in ("postgres", "valkey"):
        sockets = psutil.Process(supervisor.pid(child)).net_connections("all")
        assert {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
        assert [s for s in sockets if s.family is socket.AF_UNIX and s.laddr] == []


def test_nothing_is_left_where_servers_like_to_leave_things(
    supervisor: Running, names_before: dict[Path, set[str]]
) -> None:
    new = {name for place, before in names_before.items() for name in names(place) - before}
    assert [name for name in new if re.search("pg|postgres|valkey|redis", name, re.IGNORECASE)] == []


def test_the_servers_write_to_no_file_outside_the_data_folder(supervisor: Running) -> None:
    parents = [psutil.Process(supervisor.pid(child)) for child in ("postgres", "valkey")]
    family = [process for parent in parents for process in (parent, *parent.children(recursive=True))]
    written = {Path(file.path) for process in family for file in process.open_files() if file.mode != "r"}
    shared = {Path(m.path) for process in family for m in process.memory_maps() if m.path.startswith("/dev/shm/")}
    assert written
    assert [path for path in written | shared if not path.is_relative_to(supervisor.data_dir)] == []


def test_a_second_start_on_the_same_folder_is_refused_with_who_holds_it(supervisor: Running) -> None:
    with running(supervisor.data_dir) as second:
        assert second.ends() == 5
    assert f"is in use: `tastemaker up` runs on it as process {supervisor.process.pid}" in second.output
    assert "choose another folder: --data-dir" in second.output
    assert supervisor.process.poll() is None


def test_every_child_that_is_killed_is_started_again_and_said(supervisor: Running) -> None:
    instance = running_instance(supervisor.data_dir)
    assert instance is not None
    for child in CHILDREN:
        before = supervisor.kill(child)
        supervisor.says(f"{child} ended by SIGKILL; starting it again in 0.5 s.")
        supervisor.runs_again(child, before)
    wait_until(lambda: answers(instance.database_url, instance.broker_url), lambda: supervisor.output)
    assert ask_database(instance.database_url, "SELECT count(*) FROM alembic_version") == 1


def answers(database_url: str | None, broker_url: str | None) -> bool:
    try:
        ask_database(database_url, "SELECT 1")
        with redis.Redis.from_url(str(broker_url)) as client:
            return bool(client.ping())
    except (psycopg.OperationalError, redis.RedisError):
        return False


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}
