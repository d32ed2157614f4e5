"""Where an export's files go: one file as it is, a folder as a zip (stored, not packed: what is in it is packed
already) or a tar, or a folder on this machine. Each is written block by block."""

import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import SpooledTemporaryFile

from app.errors import Conflict
from app.services.export_formats import Format
from app.services.export_source import Source
from app.services.export_writers import File

IN_MEMORY = 16 << 20


def write(source: Source, format_: Format, path: Path) -> None:
    """The whole export as the file `path`."""
    files = format_.files(source)
    if not format_.folder:
        (file,) = files
        _as_file(file.blocks, path)
    elif format_.extension == "tar":
        _as_tar(files, path)
    else:
        _as_zip(files, path)


def write_folder(source: Source, format_: Format, folder: Path) -> None:
    """The files of the export below `folder`, which must not exist. Raises `Conflict`."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise Conflict(f"{folder} exists already.", "Give the name of a folder that does not.") from error
    for file in format_.files(source):
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        _as_file(file.blocks, path)


def _as_file(blocks: Iterable[bytes], path: Path) -> None:
    """Raises `Conflict` where there is such a file."""
    try:
        with path.open("xb") as out:
            for block in blocks:
                out.write(block)
    except FileExistsError as error:
        raise Conflict(f"{path} exists already.", "Give another name.") from error


def _as_zip(files: Iterator[File], path: Path) -> None:
    now = datetime.now(UTC).timetuple()[:6]
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, date_time=now)
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as out:
                for block in file.blocks:
                    out.write(block)


def _as_tar(files: Iterator[File], path: Path) -> None:
    """A file's size stands before it: what is larger than a picture waits on disk until it is known."""
    now = datetime.now(UTC).timestamp()
    with path.open("xb") as out, tarfile.open(fileobj=out, mode="w|") as archive:
        for file in files:
            with SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
                for block in file.blocks:
                    spool.write(block)
                entry = tarfile.TarInfo(file.name)
                entry.size, entry.mtime = spool.tell(), now
                spool.seek(0)
                archive.addfile(entry, spool)
            archive.members.clear()  # type: ignore[attr-defined]  # or it remembers them all
