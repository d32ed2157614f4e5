"""Records as files that others read: JSON lines, CSV, Parquet. Each is a stream of bytes, written as records come, so
that memory does not grow with what is written."""

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from tempfile import TemporaryFile
from typing import IO, Any, cast

from pydantic_core import to_json

from app.errors import Unavailable
from app.services.export_tables import Columns, Kind, Record, Rows
from app.services.preference_export import PreferenceRow

AT_ONCE = 500  # records that are made into rows at once
ROW_GROUP = 20_000
ROW_GROUP_BYTES = 32 << 20
SHARD_BYTES = 500 << 20
TOLD = PreferenceRow._fields[: PreferenceRow._fields.index("first_key")]  # where pictures are stored is not told

Form = Callable[[Any], Any]


@dataclass(frozen=True)
class File:
    """One file of an export. Its blocks have to be read to their end before the next file is asked for."""

    name: str
    blocks: Iterator[bytes]


def nested_jsonl(batches: Iterable[list[PreferenceRow]]) -> Iterator[bytes]:
    """One JSON object a pair, each with its single answers."""
    for batch in batches:
        yield b"".join(nested_json(row) + b"\n" for row in batch)


def nested_json(row: PreferenceRow) -> bytes:
    """A pair with its single answers as a JSON object."""
    return to_json(nested(row))


def nested(row: PreferenceRow) -> Record:
    """What is told of a pair, with its single answers."""
    told = dict(zip(TOLD, row, strict=False))
    return told | {"choices": [said._asdict() for said in row.choices]}


def jsonl(columns: Columns, batches: Iterable[Rows]) -> Iterator[bytes]:
    """One JSON object a row."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    names = list(columns)
    for batch in _formed(columns, batches, PLAIN):
        yield "".join([encode(dict(zip(names, row, strict=True))) + "\n" for row in batch]).encode()


def csv_lines(columns: Columns, batches: Iterable[Rows]) -> Iterator[bytes]:
    """A header and a line for each row (RFC 4180). What is absent is empty, lists are JSON."""
    yield _csv([columns])
    for batch in _formed(columns, batches, CELLS):
        yield _csv(batch)


def parquet(columns: Columns, batches: Iterable[Rows]) -> Iterator[bytes]:
    """Parquet, a row group at a time: as many rows as fit in some megabytes. Pictures are told to `datasets`.

    Raises `Unavailable` where pyarrow is not installed.
    """
    pyarrow = require_pyarrow()
    from pyarrow.parquet import ParquetWriter  # type: ignore[import-untyped,import-not-found,unused-ignore]

    pieces = Pieces()
    heavy = [name for name, kind in columns.items() if kind in (Kind.BYTES, Kind.PICTURE)]
    schema = _schema(columns)
    options: dict[str, Any] = {"compression": "zstd"}
    if heavy:  # encoded pictures get no smaller, and no two are the same
        paths = {name: f"{name}.bytes" if columns[name] is Kind.PICTURE else name for name in heavy}
        others = [name for name in columns if name not in heavy]
        options = {
            "compression": {**dict.fromkeys(others, "zstd"), **dict.fromkeys(paths.values(), "none")},
            "use_dictionary": others,
            "write_statistics": others,
        }
    with ParquetWriter(pyarrow.PythonFile(pieces, mode="w"), schema, **options) as writer:
        for group in _row_groups(schema, batches):
            writer.write_table(group, row_group_size=len(group))
            yield from pieces.take()
    yield from pieces.take()


def parquet_shards(stem: str, columns: Columns, records: Iterator[Record]) -> Iterator[File]:
    """Files `STEM-00000.parquet`, …, each of about half a gigabyte at most; none where there are no records."""
    left = Ahead(records)
    number = 0
    while not left.is_over:
        yield File(f"{stem}-{number:05}.parquet", parquet(columns, _batched(columns, _up_to(left, SHARD_BYTES))))
        number += 1


def tar_shard(left: Iterator[Record]) -> Iterator[bytes]:
    """A tar of files by name, record by record until it is large enough; a record that is begun is whole."""
    pieces, size = Pieces(), 0
    with tarfile.open(fileobj=cast("IO[bytes]", pieces), mode="w|") as archive:
        while size < SHARD_BYTES and (members := next(left, None)) is not None:
            for name, data in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
                size += len(data)
            archive.members.clear()  # type: ignore[attr-defined]  # or it remembers them all
            yield from pieces.take()
    yield from pieces.take()


def text_file(name: str, text: str) -> File:
    return File(name, iter((text.encode(),)))


def require_pyarrow() -> Any:
    """The module; raises `Unavailable` where it is not installed."""
    try:
        import pyarrow  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError as error:
        raise Unavailable(
            "Parquet needs the package pyarrow, which is not installed here.",
            'Run pip install "tastemaker[parquet]" there, or ask for jsonl or csv.',
        ) from error
    return pyarrow


def _schema(columns: Columns) -> Any:
    pyarrow = require_pyarrow()
    kinds = {
        Kind.WHOLE: pyarrow.int64(),
        Kind.REAL: pyarrow.float64(),
        Kind.SINGLE: pyarrow.float32(),
        Kind.TEXT: pyarrow.string(),
        Kind.TEXTS: pyarrow.list_(pyarrow.string()),
        Kind.YES_NO: pyarrow.bool_(),
        Kind.MOMENT: pyarrow.timestamp("us", tz="UTC"),
        Kind.NAIVE: pyarrow.timestamp("ns"),
        Kind.BYTES: pyarrow.binary(),
        Kind.PICTURE: pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())]),
    }
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    if Kind.PICTURE not in columns.values():
        return schema
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features(columns)}})})


def features(columns: Columns) -> Mapping[str, Any]:
    """The columns as `datasets` names them."""
    return {name: _feature(kind) for name, kind in columns.items()}


def _feature(kind: Kind) -> Any:
    match kind:
        case Kind.PICTURE:
            return {"_type": "Image"}
        case Kind.TEXTS:
            return {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}
        case Kind.MOMENT:
            return {"dtype": "timestamp[us, tz=UTC]", "_type": "Value"}
        case _:
            return {"dtype": kind.value, "_type": "Value"}


def _row_groups(schema: Any, batches: Iterable[Rows]) -> Iterator[Any]:
    """Tables of about the size of a row group. Rows become arrays batch by batch, which take a tenth of the memory."""
    pyarrow = require_pyarrow()
    group: list[Any] = []
    rows = size = 0
    for batch in batches:
        if not batch:
            continue
        values = zip(schema, zip(*batch, strict=True), strict=True)
        made = pyarrow.record_batch([pyarrow.array(column, field.type) for field, column in values], schema=schema)
        group.append(made)
        rows, size = rows + made.num_rows, size + made.nbytes
        if rows >= ROW_GROUP or size >= ROW_GROUP_BYTES:
            yield pyarrow.Table.from_batches(group)
            group, rows, size = [], 0, 0
    if group:
        yield pyarrow.Table.from_batches(group)


def _batched(columns: Columns, records: Iterable[Record]) -> Iterator[Rows]:
    """Records as rows, some at a time: an eighth of a row group's bytes at most."""
    batch: Rows = []
    weight = 0
    for record in records:
        batch.append(tuple(record[name] for name in columns))
        weight += _weight(record)
        if len(batch) >= AT_ONCE or weight >= ROW_GROUP_BYTES / 8:
            yield batch
            batch, weight = [], 0
    yield batch


def _up_to(records: Iterator[Record], most: int) -> Iterator[Record]:
    """Records until they weigh so much."""
    weight = 0
    while weight < most and (record := next(records, None)) is not None:
        weight += _weight(record)
        yield record


def _weight(record: Record) -> int:
    """About how many bytes a record takes up: its pictures, and something for the rest."""
    pictures = (value["bytes"] if isinstance(value, dict) else value for value in record.values())
    return 200 + sum(len(value) for value in pictures if isinstance(value, bytes))


def _formed(columns: Columns, batches: Iterable[Rows], forms: Mapping[Kind, Form]) -> Iterator[Iterable[Any]]:
    """The rows with each value as the text has it: column by column, since most columns stay as they are."""
    by_column = [forms.get(kind) for kind in columns.values()]
    for batch in batches:
        values = zip(by_column, zip(*batch, strict=True), strict=False)  # an empty batch has no columns
        yield zip(*[column if form is None else map(form, column) for form, column in values], strict=True)


def _csv(lines: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


PLAIN: dict[Kind, Form] = {Kind.MOMENT: _moment, Kind.NAIVE: _moment}
CELLS: dict[Kind, Form] = PLAIN | {
    Kind.YES_NO: {True: "true", False: "false", None: ""}.get,
    Kind.TEXTS: partial(json.dumps, ensure_ascii=False),
}


@contextmanager
def aside() -> Iterator["Aside"]:
    """Lines that are gone when their format has written its last file."""
    with TemporaryFile() as lines:
        yield Aside(lines)


class Aside:
    """Lines of JSON that are written while other files are, and are a file of their own at the end: on disk meanwhile,
    since there may be millions."""

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines

    def add(self, record: Record) -> None:
        self._lines.write(to_json(record) + b"\n")

    def file(self, name: str) -> File:
        self._lines.seek(0)
        return File(name, iter(partial(self._lines.read, 1 << 20), b""))


class Pieces:
    """A file to write to whose bytes are taken away as they come."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> list[bytes]:
        taken, self._pieces = self._pieces, []
        return taken


class Ahead(Iterator[Record]):
    """Records of which it is known whether another one comes."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._next = next(records, None)

    @property
    def is_over(self) -> bool:
        return self._next is None

    def __next__(self) -> Record:
        if self._next is None:
            raise StopIteration
        record, self._next = self._next, next(self._records, None)
        return record
