"""Backup and restore as a round trip between two instances on embedded servers of their own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import sessions_on, transaction
from app.errors import BadInput, Damaged, Refused
from app.models import Choice, Sample
from app.settings import Settings, make_settings
from app.supervisor import whole_backup
from app.supervisor.servers import ensure_servers
from tests import builders


@contextmanager
def instance(data_dir: Path, **options: bool) -> Iterator[Settings]:
    """Embedded servers on a data folder of their own, with every connection closed at the end."""
    with ensure_servers(make_settings(data_dir=data_dir), "test", **options) as settings:
        try:
            yield settings
        finally:
            sessions_on(settings.require_database_url()).kw["bind"].dispose()
            sessions_on.cache_clear()


@pytest.mark.slow
def test_everything_comes_back_in_another_instance(open_folder: Path) -> None:
    saved = open_folder / "saved"
    with instance(open_folder / "one") as one:
        artifacts = Artifacts(one.artifacts)
        secret = one.secret()
        with transaction() as session:
            pair = builders.pair(session, artifacts=artifacts)
            builders.choice(session, pair_id=pair.id)
        first = whole_backup.save(one, saved)
        assert (first.files, first.copied) == (4, 4)
        with transaction() as session:
            builders.choice(session, pair_id=builders.pair(session, artifacts=artifacts).id)
            keys = {row.image_key: row.image_sha256 for row in session.scalars(select(Sample))}
            answers = list(session.execute(select(Choice.id, Choice.answer, Choice.key).order_by(Choice.id)))
        again = whole_backup.save(one, saved)
        assert (again.files, again.copied) == (8, 4)
        with pytest.raises(Refused, match="holds data already"):
            whole_backup.bring_back(one, saved)
    with instance(open_folder / "two", migrated=False) as two:
        assert whole_backup.bring_back(two, saved) == again
        with transaction() as session:
            assert list(session.execute(select(Choice.id, Choice.answer, Choice.key).order_by(Choice.id))) == answers
        for key, sha256 in keys.items():
            Artifacts(two.artifacts).get_bytes(key, sha256)
        assert two.secret() == secret


def a_backup(folder: Path) -> Path:
    """A backup as `save` leaves it, with one file and no real dump."""
    (folder / "files/a").mkdir(parents=True)
    (folder / "files/a/b.png").write_bytes(b"12345")
    (folder / "files.jsonl").write_text('["a/b.png", 5]\n')
    (folder / "database.dump").write_bytes(b"dump")
    manifest = {
        "format": 1, "taken_at": "", "version": "", "revision": "0003", "files": 1, "bytes": 5, "copied": 1,
        "dump_sha256": whole_backup._sha256(folder / "database.dump"),
    }  # fmt: skip
    (folder / "backup.json").write_text(json.dumps(manifest))
    return folder


def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    folder = a_backup(tmp_path / "saved")
    assert whole_backup.read(folder).files == 1
    (folder / "files/a/b.png").write_bytes(b"1234")
    with pytest.raises(Damaged, match=r"b\.png is missing"):
        whole_backup.read(folder)
    (folder / "files/a/b.png").write_bytes(b"12345")
    (folder / "files.jsonl").write_text("")
    with pytest.raises(Damaged, match="lists 0 files"):
        whole_backup.read(folder)
    (folder / "database.dump").write_bytes(b"other")
    with pytest.raises(Damaged, match="not what was written"):
        whole_backup.read(folder)
    (folder / "backup.json").unlink()
    with pytest.raises(BadInput, match="no whole backup"):
        whole_backup.read(folder)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(BadInput, match="something else"):
        whole_backup.save(make_settings(data_dir=tmp_path / "data"), tmp_path)


def test_stored_files_are_never_mixed_with_a_backup_s(settings, tmp_path: Path) -> None:
    folder = a_backup(tmp_path / "saved")
    with pytest.raises(Refused, match="holds data already"):
        whole_backup.bring_back(settings, folder)
