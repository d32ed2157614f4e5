"""Where an export's files go: one file as it is, a folder as a zip (stored, not packed: what is in it is packed
already), or a folder on this machine. Each is written block by block."""

import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from app.errors import Conflict
from app.services.export_formats import Format
from app.services.export_source import Source
from app.services.export_writers import File


def write(source: Source, format_: Format, path: Path) -> None:
    """The whole export as the file `path`."""
    files = format_.files(source)
    if format_.extension is None:
        _as_zip(files, path)
        return
    (file,) = files
    _as_file(file.blocks, path)


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
