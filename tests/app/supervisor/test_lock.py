import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from app.errors import Refused
from app.supervisor import Instance, lock, running_instance
from app.supervisor.lock import InstanceLock


def test_nobody_holds_a_new_folder(tmp_path: Path) -> None:
    assert running_instance(tmp_path / "data") is None


def test_the_holder_is_found_with_its_addresses(tmp_path: Path) -> None:
    held = InstanceLock(tmp_path, "up")
    held.announce(database_url="postgresql://a", broker_url="redis://b")
    held.announce(site_url="http://c")
    found = running_instance(tmp_path)
    assert found == Instance(os.getpid(), "up", held.instance.started, "postgresql://a", "redis://b", "http://c")
    held.release()
    assert running_instance(tmp_path) is None


def test_a_second_holder_is_refused_by_name_and_process(tmp_path: Path) -> None:
    held = InstanceLock(tmp_path, "loop")
    with pytest.raises(Refused, match=f"`tastemaker loop` runs on it as process {os.getpid()}"):
        InstanceLock(tmp_path, "up")
    held.release()
    InstanceLock(tmp_path, "up").release()


def test_what_a_killed_holder_left_in_the_file_means_nothing(tmp_path: Path) -> None:
    (tmp_path / "tastemaker.lock").write_text('{"pid": 1, "command": "up", "started": "long ago"}')
    assert running_instance(tmp_path) is None
    InstanceLock(tmp_path, "up").release()


def test_the_addresses_are_for_the_owner_only(tmp_path: Path) -> None:
    held = InstanceLock(tmp_path / "data", "up")
    assert (tmp_path / "data" / "tastemaker.lock").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o066 == 0
    held.release()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be made: Not a directory"):
        InstanceLock(tmp_path / "file" / "data", "up")


@pytest.mark.parametrize("ask", [running_instance, lambda folder: InstanceLock(folder, "up")])
def test_a_folder_of_another_user_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Path], object]
) -> None:
    def refuse(*arguments: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(lock.os, "open", refuse)
    with pytest.raises(Refused, match="belongs to another user"):
        ask(tmp_path)
