"""The formats of exports, by name: what each writes of a study, and whether that is one file or a folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from sqlalchemy.orm import Session

from app.errors import BadInput
from app.services import (
    export_dataset,
    export_folders,
    export_pick_a_pic,
    export_rapidata,
    export_trajectories,
    export_webdataset,
)
from app.services.export_source import Rounds, Source
from app.services.export_tables import CHOICES, PREFERENCES, Table
from app.services.export_writers import File, csv_lines, jsonl, nested_jsonl, parquet

FILE_TYPES = {"parquet": parquet, "csv": csv_lines, "jsonl": jsonl}


class Holds(StrEnum):
    """What each row of a format holds, beside what was said."""

    TEXT = "text"
    PICTURES = "pictures"
    TRAJECTORIES = "trajectories"


def _always(session: Session, study_id: int, rounds: Rounds) -> None:
    """Most formats can be written of any study."""


@dataclass(frozen=True)
class Format:
    """`extension` is of its file: one that it writes as it is, or where it writes a `folder`, of the archive that the
    folder is told as: a zip, or a tar where there can be millions of files, since a zip is listed in memory.
    `walks`: how often it reads all pairs. `per_choice`: it has a row for each choice, not for each pair. `check` raises
    where there is nothing to write of these rounds."""

    name: str
    extension: str
    walks: int
    files: Callable[[Source], Iterator[File]]
    holds: Holds = Holds.TEXT
    folder: bool = False
    per_choice: bool = False
    check: Callable[[Session, int, Rounds], None] = _always


def get(name: str) -> Format:
    """Raises `BadInput` naming those that there are."""
    if name not in FORMATS:
        raise BadInput(f"There is no format {name!r}.", f"Choose one of {', '.join(FORMATS)}.", fields={"format": name})
    return FORMATS[name]


def _table(table: Table, extension: str, source: Source) -> Iterator[File]:
    """One file of one table. A pair's line of JSON also holds its answers."""
    if table is PREFERENCES and extension == "jsonl":
        blocks = nested_jsonl(source.writing(source.batches()))
    else:
        blocks = FILE_TYPES[extension](table.columns, source.writing(table.batches(source)))
    yield File(f"{table.name}.{extension}", blocks)


def _tables() -> Iterator[Format]:
    for table in (PREFERENCES, CHOICES):
        for extension in FILE_TYPES:
            name = extension if table is PREFERENCES else f"{table.name}-{extension}"
            yield Format(name, extension, 1, partial(_table, table, extension), per_choice=table is CHOICES)


FORMATS = {
    each.name: each
    for each in (
        *_tables(),
        Format("pickapic", "zip", export_pick_a_pic.WALKS, export_pick_a_pic.files, Holds.PICTURES, True, True),
        Format("rapidata", "zip", export_rapidata.WALKS, export_rapidata.files, Holds.PICTURES, True),
        Format("dataset", "zip", export_dataset.WALKS, export_dataset.files, Holds.PICTURES, True),
        Format("webdataset", "zip", export_webdataset.WALKS, export_webdataset.files, Holds.PICTURES, True),
        Format("kohya", "tar", export_folders.WALKS, export_folders.kohya, Holds.PICTURES, True),
        Format("simpletuner", "tar", export_folders.WALKS, export_folders.simpletuner, Holds.PICTURES, True),
        Format("onetrainer", "tar", export_folders.WALKS, export_folders.onetrainer, Holds.PICTURES, True),
        Format(
            "trajectories", "zip", export_trajectories.WALKS, export_trajectories.files, Holds.TRAJECTORIES, True,
            check=export_trajectories.check,
        ),
    )
}  # fmt: skip
