"""The tables that are exported: their columns, which are public (they are added to, never changed), and their records.

`preferences` has a row for each pair, `choices` one for each answer: everything that was stored of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.models import Answer
from app.services.export_source import Source
from app.services.preference_export import FACTS, PreferenceRow

Record = dict[str, Any]


class Kind(StrEnum):
    """What a column holds. Moments are UTC; `naive` is one without a time zone, as other formats have it. A picture is
    an encoded file, in the layout that `datasets` shows as an image."""

    WHOLE = "int64"
    REAL = "float64"
    SINGLE = "float32"
    TEXT = "string"
    TEXTS = "list of strings"
    YES_NO = "bool"
    MOMENT = "timestamp[us, UTC]"
    NAIVE = "timestamp[ns]"
    BYTES = "binary"
    PICTURE = "image"


Columns = dict[str, Kind]
Rows = list[tuple[Any, ...]]  # values in the order of the columns


@dataclass(frozen=True)
class Table:
    """A table by its columns; `batches` reads its rows from a study in one walk through its pairs."""

    name: str
    columns: Columns
    batches: Callable[[Source], Iterator[Rows]]


PAIR_COLUMNS: Columns = {
    "study": Kind.WHOLE,
    "round": Kind.WHOLE,
    "round_kind": Kind.TEXT,
    "round_number": Kind.WHOLE,
    "pair": Kind.WHOLE,
    "group": Kind.WHOLE,
    "prompt": Kind.TEXT,
    "prompt_number": Kind.WHOLE,
    "seed": Kind.WHOLE,
    "draw": Kind.WHOLE,
    "sampler": Kind.TEXT,
    "first_sample": Kind.WHOLE,
    "second_sample": Kind.WHOLE,
    "first_number": Kind.WHOLE,
    "second_number": Kind.WHOLE,
    "first_policy": Kind.WHOLE,
    "second_policy": Kind.WHOLE,
    "first_sha256": Kind.TEXT,
    "second_sha256": Kind.TEXT,
}
SAID_COLUMNS: Columns = {
    "choice": Kind.WHOLE,
    "annotator": Kind.TEXT,
    "by": Kind.TEXT,
    "purpose": Kind.TEXT,
    "answer": Kind.TEXT,
    "counted": Kind.YES_NO,
    "late": Kind.YES_NO,
    "extra": Kind.YES_NO,
    "response_ms": Kind.WHOLE,
    "reasons": Kind.TEXTS,
    "comment": Kind.TEXT,
    "lease": Kind.WHOLE,
    "first_on_left": Kind.YES_NO,
    "expected": Kind.TEXT,
    "shown_at": Kind.MOMENT,
    "made_at": Kind.MOMENT,
    "undone_at": Kind.MOMENT,
}
VOTES = tuple(answer.value for answer in Answer)
BEFORE_VOTES = PreferenceRow._fields.index("votes")


def flattened(row: PreferenceRow) -> tuple[Any, ...]:
    """A pair's row: its facts, and what its choices say together. `PreferenceRow` begins with the same columns."""
    return (*row[:BEFORE_VOTES], *[row.votes.get(answer, 0) for answer in VOTES])


def _preferences(source: Source) -> Iterator[Rows]:
    for batch in source.batches():
        yield [flattened(row) for row in batch]


def _choices(source: Source) -> Iterator[Rows]:
    """A row's facts and an answer stand in the order of the columns already."""
    for batch in source.batches():
        yield [row[:FACTS] + said for row in batch for said in row.choices]


PREFERENCES = Table(
    "preferences",
    PAIR_COLUMNS | {"p": Kind.REAL, "weight": Kind.REAL} | {f"votes_{answer}": Kind.WHOLE for answer in VOTES},
    _preferences,
)
CHOICES = Table("choices", PAIR_COLUMNS | SAID_COLUMNS, _choices)
TABLES = {table.name: table for table in (PREFERENCES, CHOICES)}
