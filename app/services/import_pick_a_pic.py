"""Parquet files with the columns of Pick-a-Pic v2: a row is what one person said of two pictures of one caption.

Read some rows at a time, whatever the row groups' size: what is in memory is one data page of each picture column,
the least that Parquet can be read by (pyarrow writes up to 1024 rows into one), and an entry for each caption.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.errors import BadInput
from app.models import Answer
from app.services.export_writers import require_pyarrow
from app.services.import_items import Fault, Item, Said, Source, usable_prompt

NEEDED = ("caption", "jpg_0", "jpg_1", "label_0")
USED = (*NEEDED, "label_1", "has_label", "user_id", "created_at", "model_0", "model_1")
PICTURES = ("jpg_0", "jpg_1")
LABELS = {1.0: Answer.FIRST, 0.0: Answer.SECOND, 0.5: Answer.TIE}
ROWS = 16  # with both pictures, read at once
CAPTIONS = 4096
LAYOUT = "A Pick-a-Pic file has caption (text), jpg_0 and jpg_1 (encoded pictures), label_0 (0, 0.5 or 1)."


class PickAPic:
    """The files, opened. A group is all pictures of one caption. Raises `BadInput` where a column is missing or of
    another type, or a file is no Parquet; `Unavailable` where pyarrow is not installed."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = [(path, _opened(path)) for path in paths]
        if not self._files:
            raise BadInput("There is no Parquet file.", LAYOUT)
        for path, file in self._files:
            _check_columns(path.name, file.schema_arrow)
        self.total = sum(file.metadata.num_rows for _, file in self._files)
        self.notes: dict[str, int] = {}
        self._group_of = self._captions()
        self.groups = list(self._group_of)

    def files(self) -> Sequence[Path]:
        return [path for path, _ in self._files]

    def items(self, after: int) -> Iterator[Item | Fault]:
        first = 0
        for path, file in self._files:
            rows = file.metadata.num_rows
            if first + rows > after:
                yield from self._of_file(path.name, file, max(after - first, 0))
            first += rows

    def _of_file(self, name: str, file: Any, after: int) -> Iterator[Item | Fault]:
        """The rows of one file; row groups that lie before the row `after` are not read."""
        columns = [column for column in USED if column in file.schema_arrow.names]
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if first + rows > after:
                number = first
                for batch in file.iter_batches(batch_size=ROWS, row_groups=[group], columns=columns):
                    if number + batch.num_rows > after:
                        for place, row in enumerate(_rows(batch), number):
                            if place >= after:
                                yield self._item(f"{name}, row {place + 1}", row)
                    number += batch.num_rows
            first += rows

    def _item(self, where: str, row: dict[str, Any]) -> Item | Fault:
        wrong = usable_prompt(row["caption"])
        if wrong:
            return Fault(where, wrong)
        group = self._group_of[row["caption"]]
        if row.get("has_label") is False:
            return Item(where, group, left_out="no_label")
        answer = LABELS.get(row["label_0"])
        if answer is None:
            return Fault(where, f"label_0 is {row['label_0']}, not 0, 0.5 or 1")
        other = row.get("label_1")
        if other is not None and other != 1 - row["label_0"]:
            return Fault(where, f"label_0 is {row['label_0']:g} and label_1 {other:g}, which do not make 1 together")
        pictures = [_picture(row[column]) for column in PICTURES]
        for column, data in zip(PICTURES, pictures, strict=True):
            if not data:
                return Fault(where, f"{column} is empty")
        models = [(row.get(column) or "").replace("\0", "") for column in ("model_0", "model_1")]
        person = "" if row.get("user_id") is None else str(row["user_id"])
        return Item(
            where, group, [Source(data, model) for data, model in zip(pictures, models, strict=True)],
            [Said(0, 1, answer, person, _moment(row.get("created_at")))],
        )  # fmt: skip

    def _captions(self) -> dict[str, int]:
        """The number of each caption, in the order in which they first come; unusable ones are told with their row."""
        found: dict[str, int] = {}
        for _, file in self._files:
            for batch in file.iter_batches(batch_size=CAPTIONS, columns=["caption"]):
                for caption in batch.column(0).to_pylist():
                    if usable_prompt(caption) is None:
                        found.setdefault(caption, len(found))
        return found


def _rows(batch: Any) -> list[dict[str, Any]]:
    """The batch's rows. Times to the nanosecond, which Python does not have, are cut."""
    place = batch.schema.get_field_index("created_at")
    if place >= 0 and require_pyarrow().types.is_timestamp(batch.schema.field(place).type):
        micro = require_pyarrow().timestamp("us", tz=batch.schema.field(place).type.tz)
        batch = batch.set_column(place, "created_at", batch.column(place).cast(micro, safe=False))
    rows: list[dict[str, Any]] = batch.to_pylist()
    return rows


def _opened(path: Path) -> Any:
    pyarrow = require_pyarrow()
    from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped,import-not-found,unused-ignore]

    try:
        # unbuffered, a row group's pictures would be read whole before its first row is there
        return ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.", "Give the path of a Parquet file.") from error
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path.name} cannot be read as Parquet: {error}", "Is it whole? Fetch it again.") from error


def _check_columns(name: str, schema: Any) -> None:
    """Raises `BadInput` that names the file and every column at fault."""
    types = require_pyarrow().types
    missing = [column for column in NEEDED if column not in schema.names]
    if missing:
        raise BadInput(
            f"{name} has no column {' and no '.join(missing)} (it has {', '.join(schema.names) or 'none'}).", LAYOUT
        )
    wanted: dict[str, tuple[tuple[Any, ...], Sequence[str]]] = {
        "text": ((types.is_string, types.is_large_string), ("caption", "model_0", "model_1")),
        "encoded bytes": ((types.is_binary, types.is_large_binary, _is_image), PICTURES),
        "a number": ((types.is_floating, types.is_integer), ("label_0", "label_1")),
        "true or false": ((types.is_boolean,), ("has_label",)),
        "a time": ((types.is_timestamp,), ("created_at",)),
    }
    for words, (kinds, columns) in wanted.items():
        for column in set(columns) & set(schema.names):
            found = schema.field(column).type
            if not any(kind(found) for kind in kinds) and not types.is_null(found):
                raise BadInput(f"{name}: the column {column} holds {found}, not {words}.", LAYOUT)


def _is_image(type_: Any) -> bool:
    """The layout in which `datasets` keeps pictures: a struct of bytes and path."""
    types = require_pyarrow().types
    return bool(types.is_struct(type_)) and any(field.name == "bytes" for field in type_)


def _picture(value: Any) -> bytes:
    """The encoded bytes; none where there are none."""
    return bytes((value.get("bytes") if isinstance(value, dict) else value) or b"")


def _moment(at: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
