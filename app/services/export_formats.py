"""The formats of exports, by name: what each writes of a study, and whether that is one file or a folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from app.errors import BadInput
from app.services import export_dataset, export_pick_a_pic, export_rapidata, export_webdataset
from app.services.export_source import Source
from app.services.export_tables import CHOICES, PREFERENCES, Table
from app.services.export_writers import File, csv_lines, jsonl, nested_jsonl, parquet

FILE_TYPES = {"parquet": parquet, "csv": csv_lines, "jsonl": jsonl}


@dataclass(frozen=True)
class Format:
    """`extension` is of the one file that it writes, or none where it writes a folder, which is told as a zip.
    `walks`: how often it reads all pairs. `per_choice`: it has a row for each choice, not for each pair. `pictures`:
    each row holds its two pictures."""

    name: str
    extension: str | None
    walks: int
    per_choice: bool
    pictures: bool
    files: Callable[[Source], Iterator[File]]


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
            yield Format(name, extension, 1, table is CHOICES, False, partial(_table, table, extension))


FORMATS = {
    each.name: each
    for each in (
        *_tables(),
        Format("pickapic", None, export_pick_a_pic.WALKS, True, True, export_pick_a_pic.files),
        Format("rapidata", None, export_rapidata.WALKS, False, True, export_rapidata.files),
        Format("dataset", None, export_dataset.WALKS, False, True, export_dataset.files),
        Format("webdataset", None, export_webdataset.WALKS, False, True, export_webdataset.files),
    )
}
