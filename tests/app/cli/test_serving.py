"""`up`, `serve`, `migrate` and `doctor` as a person types them."""

import http.client
import json
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from app.cli import build, main, serving
from app.db import make_engine
from app.errors import Unavailable
from app.services import system_check as doctor
from app.services.system_check import Check
from app.settings import Settings, activate, get_settings, make_settings
from app.supervisor import backup, running_instance
from app.supervisor.migration import head_revision
from app.supervisor.ports import free_port
from tests.app.supervisor.running import gone, run, wait_until

TASTEMAKER = [sys.executable, "-m", "app.cli"]


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def command_line(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process: its exit code."""
    monkeypatch.setattr(sys, "argv", ["tastemaker", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_up_brings_up_the_whole_product_and_ctrl_c_stops_it(open_folder: Path) -> None:
    data_dir, port = open_folder / "data", free_port()
    with run(data_dir, [*TASTEMAKER, "up", "--port", str(port), "--data-dir", str(data_dir)]) as supervisor:
        supervisor.says(f"Tastemaker is at http://127.0.0.1:{port}")
        assert status(port, "/readyz") == 200
        pids = supervisor.pids()
        assert sorted(pids) == ["postgres", "site", "valkey", "worker-accelerator", "worker-cpu"]
        instance = running_instance(data_dir)
        assert instance is not None
        assert instance.site_url == f"http://127.0.0.1:{port}"
        before = supervisor.kill("site")
        supervisor.runs_again("site", before)
        wait_until(lambda: answers(port), lambda: supervisor.output)
        assert supervisor.ends(signal.SIGINT) == 0
    assert all(gone(pid) for pid in [*pids.values(), before])


def answers(port: int) -> bool:
    try:
        return status(port, "/readyz") == 200
    except OSError:
        return False


def test_serve_is_the_site_alone_on_the_servers_that_the_settings_name(settings: Settings) -> None:
    port = free_port()
    command = [*TASTEMAKER, "serve", "--port", str(port)]
    with run(settings.data_dir, command, settings.environment()) as site:
        wait_until(lambda: answers(port), lambda: site.output)
        assert not (settings.data_dir / "postgres").exists()
        assert site.ends(signal.SIGTERM) == 0


def test_up_without_torch_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    assert command_line(monkeypatch, "up") == Unavailable.exit_code
    assert 'pip install "tastemaker[worker]"' in capsys.readouterr().err


def test_migrate_says_from_where_to_where(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with activate(settings):
        assert command_line(monkeypatch, "migrate", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"from": head_revision(), "to": head_revision()}


def test_migrate_never_restores_over_data(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = backup.dump(settings, "now")
    with activate(settings):
        assert command_line(monkeypatch, "migrate", "--restore", str(dump)) == 5
    assert "only restored into an empty one" in capsys.readouterr().err.replace("\n", " ")


def test_migrate_restores_into_an_empty_data_folder(
    settings: Settings, open_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = make_engine(settings.require_database_url(), pool_size=1)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE precious AS SELECT 'clicks' AS what"))
    engine.dispose()
    dump = backup.dump(settings, "now")
    elsewhere = make_settings(data_dir=open_folder / "data")
    with activate(elsewhere):
        assert command_line(monkeypatch, "migrate", "--restore", str(dump)) == 0
        assert f"Restored {dump}." in capsys.readouterr().err.replace("\n", "")
        assert command_line(monkeypatch, "migrate", "--json") == 0
    assert json.loads(capsys.readouterr().out)["from"] == head_revision()


def test_doctor_is_content_where_everything_is_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "_device", lambda: Check("device", "ok", "cpu"))
    with activate(settings.with_values(port=free_port())):
        assert command_line(monkeypatch, "doctor", "--json") == 0
    found = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert {check["state"] for name, check in found.items() if name != "disk"} == {"ok"}
    assert found["schema"]["seen"] == f"at {head_revision()}, as this version wants it"


def test_doctor_finds_what_is_missing_and_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "_device", lambda: Check("device", "ok", "cpu"))
    mark = tmp_path / "data" / "postgres" / "cluster" / "PG_VERSION"
    mark.parent.mkdir(parents=True)
    mark.write_text("12\n")
    with activate(make_settings(data_dir=tmp_path / "data", port=free_port())):
        assert command_line(monkeypatch, "doctor", "--json") == 1
    found = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert found["data folder"]["state"] == "fail"
    assert "made by PostgreSQL 12" in found["data folder"]["seen"]


@pytest.mark.parametrize(("free", "state"), [(100 << 20, "fail"), (1 << 30, "warn"), (50 << 30, "ok")])
def test_doctor_looks_at_the_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: type("Usage", (), {"free": free}))
    assert doctor._disk(tmp_path / "not there yet").state == state


def test_the_real_device_is_named() -> None:
    check = doctor._device()
    assert check.state == "ok", check
    assert "threads" in check.seen


def test_a_setting_that_nobody_knows_ends_a_command_with_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TASTEMAKER_PROT", "1")
    get_settings.cache_clear()
    assert command_line(monkeypatch, "doctor") == 2
    assert "Unknown setting: TASTEMAKER_PROT." in capsys.readouterr().err
    get_settings.cache_clear()


def test_commands_that_cannot_be_imported_take_no_other_with_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib.metadata import EntryPoint

    group = "tastemaker.commands"
    entries = [
        EntryPoint("broken", "not.there:register", group),
        EntryPoint("serving", "app.cli.serving:register", group),
    ]
    monkeypatch.setattr("app.cli.entry_points", lambda group: entries)
    app = build()
    assert [command.callback.__name__ for command in app.registered_commands if command.callback] == [
        "up",
        "serve",
        "migrate",
        "doctor",
        "backup",
        "restore",
    ]
    assert "The commands of not.there:register are not available" in capsys.readouterr().err
