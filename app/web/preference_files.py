"""Preference rows as files that others read: JSON lines, CSV, Parquet. The first two stream, a line at a time."""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from app.errors import Unavailable
from app.models import Answer
from app.services.preference_export import PreferenceRow

ROW = TypeAdapter(PreferenceRow)
TEXTS = ("round_kind", "prompt", "first_sha256", "second_sha256")
NUMBERS = ("p", "weight")
FACTS = (
    "study", "round", "round_kind", "round_number", "pair", "group", "prompt", "first_sample", "second_sample",
    "first_sha256", "second_sha256", "p", "weight",
)  # fmt: skip
VOTES = tuple(f"votes_{answer.value}" for answer in Answer)
COLUMNS = FACTS + VOTES


def as_jsonl(rows: Iterable[PreferenceRow]) -> Iterator[bytes]:
    """One JSON object a line, each with its single choices."""
    for row in rows:
        yield ROW.dump_json(row) + b"\n"


def as_csv(rows: Iterable[PreferenceRow]) -> Iterator[str]:
    """A header and one line a pair, with how often each answer was counted (RFC 4180)."""
    yield _csv_line(COLUMNS)
    for row in rows:
        flat = flattened(row)
        yield _csv_line(flat[name] for name in COLUMNS)


def as_parquet(rows: Iterable[PreferenceRow]) -> Path:
    """A temporary file with the columns of the CSV; on the disk, for Parquet's index stands at its end.

    Raises `Unavailable` where pyarrow is not installed.
    """
    try:
        import pyarrow  # type: ignore[import-not-found,unused-ignore]
        from pyarrow.parquet import ParquetWriter  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise Unavailable(
            "Parquet needs the package pyarrow, which is not installed on the site.",
            'Run pip install "tastemaker[parquet]" there, or ask for jsonl or csv.',
        ) from error
    handle, name = tempfile.mkstemp(suffix=".parquet")
    os.close(handle)
    kinds = {
        column: pyarrow.string() if column in TEXTS else pyarrow.float64() if column in NUMBERS else pyarrow.int64()
        for column in COLUMNS
    }
    schema = pyarrow.schema(list(kinds.items()))
    with ParquetWriter(name, schema) as writer:
        left = iter(rows)
        while batch := list(islice(left, 5000)):
            writer.write_table(pyarrow.Table.from_pylist([flattened(row) for row in batch], schema=schema))
    return Path(name)


def flattened(row: PreferenceRow) -> dict[str, Any]:
    """The row by column, without its single choices."""
    facts = {name: getattr(row, name) for name in FACTS}
    return facts | {f"votes_{answer.value}": row.votes.get(answer.value, 0) for answer in Answer}


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(["" if value is None else value for value in values])
    return line.getvalue()
