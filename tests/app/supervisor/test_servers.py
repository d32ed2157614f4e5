"""Servers for as long as a command needs them."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.settings import Settings, get_settings, make_settings
from app.supervisor import ensure_servers, running_instance
from tests.app.supervisor.running import ask_database, gone, run, wait_until

COMMAND = (
    "import sys, time; from app.settings import make_settings; from app.supervisor import ensure_servers\n"
    "with ensure_servers(make_settings(data_dir=sys.argv[1]), 'loop'):\n"
    "    print('ready', flush=True); time.sleep(float(sys.argv[2]))\n"
    "print('stopped', flush=True)"
)


def command(data_dir: Path, seconds: float) -> list[str]:
    return [sys.executable, "-c", COMMAND, str(data_dir), str(seconds)]


def test_servers_that_the_settings_name_are_taken_as_they_are(settings: Settings) -> None:
    with ensure_servers(settings, "study") as found:
        assert found == settings
        assert get_settings().database_url == settings.database_url
    assert not (settings.data_dir / "tastemaker.lock").exists()


def test_a_command_alone_starts_migrates_and_stops_its_own(data_dir: Path) -> None:
    with ensure_servers(make_settings(data_dir=data_dir), "study") as found:
        assert ask_database(found.database_url, "SELECT count(*) FROM alembic_version") == 1
        instance = running_instance(data_dir)
        assert instance is not None
        assert (instance.command, instance.database_url) == ("study", found.database_url)
        assert os.environ["TASTEMAKER_DATABASE_URL"] == found.database_url
    assert running_instance(data_dir) is None
    assert list((data_dir / "run").iterdir()) == []


def test_the_process_has_its_own_settings_back_afterwards(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASTEMAKER_DATABASE_URL", raising=False)
    with ensure_servers(settings, "study"):
        pass
    assert "TASTEMAKER_DATABASE_URL" not in os.environ
    with pytest.raises(ConfigurationError, match="No database is known"):
        make_settings().require_database_url()


def test_a_command_uses_the_running_instance_which_waits_for_it(data_dir: Path) -> None:
    settings = make_settings(data_dir=data_dir)
    with run(data_dir, command(data_dir, 0.1)) as first:
        first.says("ready")
        with ensure_servers(settings, "study") as found:
            wait_until(lambda: first.process.poll() is None, lambda: first.output)
            instance = running_instance(data_dir)
            assert instance is not None
            assert (instance.command, instance.pid) == ("loop", first.process.pid)
            threading.Event().wait(0.5)
            assert "stopped" not in first.output
            assert ask_database(found.database_url, "SELECT 1") == 1
        first.says("stopped")
        assert first.ends() == 0


def test_a_command_that_is_killed_takes_its_servers_with_it(data_dir: Path) -> None:
    with run(data_dir, command(data_dir, 3600)) as first:
        first.says("ready")
        left = first.pids()
        first.ends(signal.SIGKILL)
    with ensure_servers(make_settings(data_dir=data_dir), "study") as found:
        assert all(gone(pid) for pid in left.values())
        assert ask_database(found.database_url, "SELECT 1") == 1
