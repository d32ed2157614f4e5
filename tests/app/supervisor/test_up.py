"""The supervisor with real processes: started, killed and started again."""

import os
import signal
import socket
from pathlib import Path

import psutil
import pytest
import redis

from app.supervisor import running_instance
from app.supervisor.ports import free_port
from tests.app.supervisor.running import CHILDREN, ask_database, gone, running

NOBODY = 65534


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_cleanly(data_dir: Path, ending: signal.Signals) -> None:
    with running(data_dir) as supervisor:
        supervisor.says("ready")
        pids = supervisor.pids()
        assert sorted(pids) == CHILDREN
        assert supervisor.ends(ending) == 0
    assert all(gone(pid) for pid in pids.values())
    assert running_instance(data_dir) is None
    assert "database system is shut down" in (data_dir / "logs" / "postgres.log").read_text()
    assert list((data_dir / "run").iterdir()) == []


def test_a_killed_supervisor_leaves_nothing_that_blocks_the_next_start(data_dir: Path) -> None:
    port = free_port()
    with running(data_dir, port=port) as first:
        first.says("ready")
        left = first.pids()
        assert first.ends(signal.SIGKILL) == -signal.SIGKILL
    with running(data_dir, port=port) as second:
        second.says("ready")
        assert all(gone(pid) for pid in left.values())
        assert sorted(second.pids()) == CHILDREN


def test_everything_killed_at_once_starts_again_with_its_data(data_dir: Path) -> None:
    with running(data_dir) as first:
        first.says("ready")
        instance = running_instance(data_dir)
        assert instance is not None
        with redis.Redis.from_url(str(instance.broker_url)) as client:
            client.execute_command("SET", "message", "kept")
            client.execute_command("WAITAOF", 1, 0, 5000)
        for pid in (first.process.pid, *first.pids().values()):
            os.kill(pid, signal.SIGKILL)
        first.ends()
    with running(data_dir) as second:
        second.says("ready")
        instance = running_instance(data_dir)
        assert instance is not None
        with redis.Redis.from_url(str(instance.broker_url)) as client:
            assert client.get("message") == b"kept"
        assert ask_database(instance.database_url, "SELECT count(*) FROM alembic_version") == 1


def test_a_port_in_use_is_named_before_anything_is_started(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(data_dir, port=port) as supervisor:
            assert supervisor.ends() == 5
    assert f"another program uses port {port}. Choose another: tastemaker up --port {port + 1}" in supervisor.output
    assert not (data_dir / "postgres").exists()


def test_servers_that_the_settings_name_are_used_instead(data_dir: Path, database_url: str, broker_url: str) -> None:
    with running(data_dir, f"database_url={database_url}", f"broker_url={broker_url}") as supervisor:
        supervisor.says("ready")
        instance = running_instance(data_dir)
        assert instance is not None
        assert (instance.database_url, instance.broker_url) == (database_url, broker_url)
        assert sorted(supervisor.pids()) == ["site", "worker"]
    assert not (data_dir / "postgres").exists()


def test_a_database_that_does_not_answer_is_said(data_dir: Path, broker_url: str) -> None:
    nowhere = f"postgresql://u:p@127.0.0.1:{free_port()}/d"
    with running(data_dir, f"database_url={nowhere}", f"broker_url={broker_url}") as supervisor:
        assert supervisor.ends() == 7
    assert "The database does not answer: " in supervisor.output
    assert "Check TASTEMAKER_DATABASE_URL" in supervisor.output


def test_a_broker_that_does_not_answer_is_said(data_dir: Path, database_url: str) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with running(data_dir, f"database_url={database_url}", f"broker_url={nowhere}") as supervisor:
        assert supervisor.ends() == 7
    assert "The broker does not answer: " in supervisor.output
    assert "Check TASTEMAKER_BROKER_URL" in supervisor.output


def test_each_server_is_replaced_on_its_own(data_dir: Path, broker_url: str) -> None:
    with running(data_dir, f"broker_url={broker_url}") as supervisor:
        supervisor.says("ready")
        assert sorted(supervisor.pids()) == ["postgres", "site", "worker"]


def test_an_ordinary_user_can_run_it(open_folder: Path, data_dir: Path) -> None:
    user = NOBODY if os.geteuid() == 0 else os.geteuid()
    data_dir.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data_dir, user, user)
    with running(data_dir, user=user if os.geteuid() == 0 else None) as supervisor:
        supervisor.says("ready")
        owners = {psutil.Process(pid).uids().effective for pid in supervisor.pids().values()}
        assert owners == {user}
    assert {path.stat().st_uid for path in data_dir.rglob("*")} == {user}
