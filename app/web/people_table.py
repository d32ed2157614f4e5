"""The table of annotators: what each column is sorted by. What was never measured comes last, whichever way."""

from collections.abc import Callable, Mapping, Sequence

from app.services.quality import Annotator, Standing

Row = tuple[Annotator, Standing]

COLUMNS: Mapping[str, Callable[[Annotator], float | str | None]] = {
    "name": lambda annotator: annotator.name.casefold(),
    "choices": lambda annotator: annotator.counts.choices,
    "per_hour": lambda annotator: annotator.per_hour,
    "time": lambda annotator: annotator.times.median_ms if annotator.times else None,
    "gold": lambda annotator: annotator.gold.value,
    "repeats": lambda annotator: annotator.repeats.consistent.value,
    "left": lambda annotator: annotator.left.value,
    "others": lambda annotator: annotator.others.share if annotator.others else None,
}


def ordered(rows: Sequence[Row], column: str, *, up: bool) -> list[Row]:
    """The rows by this column, the largest first unless `up`; those who are equal stay as they were."""
    value = COLUMNS[column]
    measured = [row for row in rows if value(row[0]) is not None]
    rest = [row for row in rows if value(row[0]) is None]
    return sorted(measured, key=lambda row: value(row[0]), reverse=not up) + rest  # type: ignore[arg-type, return-value]
