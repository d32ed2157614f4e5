"""Stored files by key: pictures, trajectories, checkpoints, exports; in a folder or on S3.

A key says where a file belongs, never what is in it (`studies/3/rounds/2/chunks/7-1/…`), ends in the attempt that made
it and is written once. Readers never see half a file: a folder gets it under a name of its own, synced, then linked to
its key; S3 shows an object only when it is whole. Size and SHA-256 of what was written go to the database.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from app.errors import BadInput, Conflict, Damaged, NotFound, OutOfSpace, Unavailable

KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
DRAFT = re.compile(rf"({KEY.pattern}/)?\.[A-Za-z0-9_][A-Za-z0-9._-]*\.[0-9a-f]{{16}}")  # as `_link_whole` names them
BLOCK = 1 << 20
FULL = {errno.ENOSPC, errno.EDQUOT}
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}


@dataclass(frozen=True)
class Stored:
    """A file as it was written: its key, its size in bytes and the SHA-256 of its content in hex."""

    key: str
    size: int
    sha256: str


class Artifacts:
    """The files under one folder or address (`/data/artifacts`, `s3://bucket/prefix`)."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = _open(url)
        self.is_local = isinstance(self._fs, LocalFileSystem)

    def put_bytes(self, key: str, data: bytes) -> Stored:
        """Store `data` as `key`. Raises `Conflict` where the key is taken, `OutOfSpace` on a full disk."""
        self._refuse_taken(key)
        with _saying_full(self._root):
            if self.is_local:
                self._link_whole(key, lambda draft: draft.write_bytes(data))
            else:
                self._fs.pipe_file(self._path(key), data)
        return Stored(key, len(data), hashlib.sha256(data).hexdigest())

    def put_file(self, key: str, source: Path) -> Stored:
        """Store a copy of the file `source` as `key`, without reading it whole. Raises like `put_bytes`."""
        self._refuse_taken(key)
        with _saying_full(self._root):
            if self.is_local:
                self._link_whole(key, lambda draft: shutil.copyfile(source, draft))
            else:
                self._fs.put_file(str(source), self._path(key))
        with source.open("rb") as file:
            return Stored(key, source.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())

    def get_bytes(self, key: str, sha256: str | None = None) -> bytes:
        """The content of `key`. Raises `NotFound`, or `Damaged` where it is not what `sha256` promises."""
        try:
            data: bytes = self._fs.cat_file(self._path(key))
        except FileNotFoundError as error:
            raise _missing(key) from error
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise Damaged(f"The stored file {key} is not what was written.", "Its chunk has to be made again.", key=key)
        return data

    def open_stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes `start` (included) to `end` (excluded) of `key` in blocks of at most 1 MiB. Raises `NotFound`."""
        size = self.size(key)
        return self._blocks(key, start, size if end is None else min(end, size))

    def local_path(self, key: str) -> Path | None:
        """Where `key` lies on this machine; None on S3."""
        return Path(self._path(key)) if self.is_local else None

    def exists(self, key: str) -> bool:
        """Whether `key` is stored."""
        return bool(self._fs.isfile(self._path(key)))

    def size(self, key: str) -> int:
        """The size of `key` in bytes. Raises `NotFound`."""
        try:
            return int(self._fs.info(self._path(key))["size"])
        except FileNotFoundError as error:
            raise _missing(key) from error

    def delete(self, key: str) -> None:
        """Remove `key`; no error where it is gone already."""
        try:
            self._fs.rm_file(self._path(key))
        except FileNotFoundError:
            return

    def keys(self, prefix: str = "", *, drafts: bool = False) -> Iterator[str]:
        """The key of every stored file under the folder `prefix`; drafts, which have no name yet, only if asked for."""
        top = self._path(prefix) if prefix else self._root
        for path in self._fs.find(top):
            key = path.removeprefix(self._root).lstrip("/")
            if KEY.fullmatch(key) or (drafts and DRAFT.fullmatch(key)):
                yield key

    def written_at(self, key: str) -> datetime:
        """When `key` was stored. Raises `NotFound`."""
        try:
            moment: datetime = self._fs.modified(self._path(key))
        except FileNotFoundError as error:
            raise _missing(key) from error
        return moment

    def _path(self, key: str) -> str:
        if not (KEY.fullmatch(key) or DRAFT.fullmatch(key)):
            raise BadInput(f"{key!r} is not a key of a stored file.", "Keys are names of letters, digits, . _ - and /.")
        return f"{self._root}/{key}"

    def _refuse_taken(self, key: str) -> None:
        if self.exists(key):
            raise _taken(key)

    def _link_whole(self, key: str, write: Callable[[Path], object]) -> None:
        """Write a draft beside `key`, sync it, then give it its name; a name that exists is never taken over."""
        target = Path(self._path(key))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            write(draft)
            _sync(draft)
            _name(draft, target)
        except FileExistsError as error:
            raise _taken(key) from error
        finally:
            draft.unlink(missing_ok=True)
        _sync(target.parent)

    def _blocks(self, key: str, start: int, end: int) -> Iterator[bytes]:
        with self._fs.open(self._path(key), "rb") as file:
            file.seek(start)
            while start < end and (block := file.read(min(BLOCK, end - start))):
                start += len(block)
                yield block


def _open(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system behind `url` and the path of its root in it."""
    if url.startswith("s3://"):
        _register_s3()
    fs, root = url_to_fs(url)
    return fs, str(root).rstrip("/")


def _register_s3() -> None:
    """Let fsspec speak S3 through obstore, a quarter of the size of s3fs."""
    try:
        from obstore.fsspec import register  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise Unavailable(
            "Files on S3 need the package obstore, which is not installed.", 'Install it: pip install "tastemaker[s3]".'
        ) from error
    register("s3")


@contextmanager
def _saying_full(root: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OutOfSpace(
            f"The disk that holds {root} is full; the file was not written and nothing stored was lost.",
            "Free some space there, or set TASTEMAKER_ARTIFACTS_URL to a larger place, then retry.",
        ) from error


def _name(draft: Path, target: Path) -> None:
    """Give the draft its name. A link fails where the name is taken; some mounts have no links, there it is renamed."""
    try:
        os.link(draft, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.rename(draft, target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _missing(key: str) -> NotFound:
    return NotFound(f"The stored file {key} is not there.", key=key)


def _taken(key: str) -> Conflict:
    return Conflict(f"The stored file {key} exists already.", "A new attempt writes under a key of its own.", key=key)
