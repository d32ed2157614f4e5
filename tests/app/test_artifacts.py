import errno
import hashlib
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest

from app import artifacts
from app.artifacts import Artifacts, Stored
from app.errors import BadInput, Conflict, Damaged, NotFound, OutOfSpace, Unavailable

KEY = "studies/1/rounds/2/chunks/3-1/sample.safetensors"


@pytest.fixture(params=["folder", "remote"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    """A folder, and a file system that is none (as S3 is)."""
    return Artifacts(str(tmp_path) if request.param == "folder" else f"memory://{uuid4()}")


@pytest.fixture
def folder(tmp_path: Path) -> Artifacts:
    return Artifacts(str(tmp_path))


def test_what_was_put_is_got_with_its_size_and_sha256(files: Artifacts) -> None:
    stored = files.put_bytes(KEY, b"pixels")
    assert stored == Stored(KEY, 6, hashlib.sha256(b"pixels").hexdigest())
    assert files.get_bytes(KEY, stored.sha256) == b"pixels"
    assert (files.exists(KEY), files.size(KEY)) == (True, 6)


def test_a_file_is_put_without_being_read_whole(files: Artifacts, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"weights" * 100_000)
    stored = files.put_file(KEY, source)
    assert stored == Stored(KEY, 700_000, hashlib.sha256(source.read_bytes()).hexdigest())
    assert files.get_bytes(KEY) == source.read_bytes()


def test_a_key_is_written_once(files: Artifacts) -> None:
    files.put_bytes(KEY, b"first")
    with pytest.raises(Conflict, match="exists already"):
        files.put_bytes(KEY, b"second")
    assert files.get_bytes(KEY) == b"first"


def test_of_two_that_write_at_once_the_second_finds_the_key_taken(
    folder: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "exists", lambda key: False)
    folder.put_bytes(KEY, b"first")
    with pytest.raises(Conflict):
        folder.put_bytes(KEY, b"second")
    assert folder.get_bytes(KEY) == b"first"


def test_a_changed_file_is_noticed(folder: Artifacts) -> None:
    stored = folder.put_bytes(KEY, b"pixels")
    path = folder.local_path(KEY)
    assert path is not None
    path.write_bytes(b"pixelz")
    with pytest.raises(Damaged, match="is not what was written"):
        folder.get_bytes(KEY, stored.sha256)


def test_a_missing_file_is_said(files: Artifacts) -> None:
    for ask in (files.get_bytes, files.size, files.open_stream):
        with pytest.raises(NotFound, match="is not there"):
            ask(KEY)


def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(files: Artifacts) -> None:
    files.put_bytes(KEY, b"pixels")
    files.delete(KEY)
    files.delete(KEY)
    assert not files.exists(KEY)


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(0, None, b"0123456789"), (3, 5, b"34"), (8, 99, b"89"), (10, None, b"")]
)
def test_a_range_is_streamed(files: Artifacts, start: int, end: int | None, expected: bytes) -> None:
    files.put_bytes(KEY, b"0123456789")
    assert b"".join(files.open_stream(KEY, start, end)) == expected


def test_a_large_file_comes_in_blocks(files: Artifacts) -> None:
    files.put_bytes(KEY, b"x" * (2 * artifacts.BLOCK + 1))
    assert [len(block) for block in files.open_stream(KEY)] == [artifacts.BLOCK, artifacts.BLOCK, 1]


@pytest.mark.parametrize("key", ["", "../outside", "a/../b", "/etc/passwd", "a//b", "a/.hidden", "a/", "a\nb", "a b"])
def test_a_key_that_could_lead_elsewhere_is_refused(files: Artifacts, key: str) -> None:
    with pytest.raises(BadInput, match="is not a key"):
        files.put_bytes(key, b"")


def test_stored_files_are_listed(files: Artifacts) -> None:
    files.put_bytes("studies/1/a", b"1")
    files.put_bytes("studies/2/b", b"22")
    assert list(files.keys()) == ["studies/1/a", "studies/2/b"]
    assert list(files.keys("studies/2")) == ["studies/2/b"]


def test_the_time_at_which_a_file_was_written_is_known(files: Artifacts) -> None:
    files.put_bytes(KEY, b"pixels")
    assert datetime.now(UTC) - timedelta(minutes=1) < files.written_at(KEY) <= datetime.now(UTC)
    with pytest.raises(NotFound):
        files.written_at("studies/1/gone")


def test_nothing_half_written_is_ever_visible(
    folder: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "_name", fail_with(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        folder.put_bytes(KEY, b"pixels")
    assert list(folder.keys()) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_draft_that_a_crash_left_is_not_listed(folder: Artifacts, tmp_path: Path) -> None:
    folder.put_bytes("studies/1/a", b"1")
    (tmp_path / "studies" / "1" / ".b.0123").write_bytes(b"half")
    assert list(folder.keys()) == ["studies/1/a"]


def test_a_full_disk_says_what_to_do_and_leaves_nothing_behind(
    folder: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "_sync", fail_with(errno.ENOSPC))
    with pytest.raises(OutOfSpace, match="is full; the file was not written and nothing stored was lost") as caught:
        folder.put_bytes(KEY, b"pixels")
    assert "TASTEMAKER_ARTIFACTS_URL" in caught.value.remedy
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_mount_without_links_renames(folder: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts.os, "link", fail_with(errno.EPERM))
    folder.put_bytes(KEY, b"pixels")
    assert folder.get_bytes(KEY) == b"pixels"


def test_only_a_folder_has_a_path(tmp_path: Path) -> None:
    assert Artifacts(str(tmp_path)).local_path(KEY) == tmp_path / KEY
    assert Artifacts("memory://x").local_path(KEY) is None


def test_s3_without_its_package_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.fsspec", None)
    with pytest.raises(Unavailable, match="need the package obstore"):
        Artifacts("s3://bucket/prefix")


def fail_with(number: int):  # type: ignore[no-untyped-def]
    def fail(*arguments: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail
