"""A folder that `datasets.load_dataset` reads: every pair with both pictures, and every answer, with a data card."""

from collections.abc import Iterator

from app.services import export_cards
from app.services.export_source import Source
from app.services.export_tables import CHOICES, PREFERENCES, Columns, Kind, Record, flattened
from app.services.export_writers import File, parquet_shards, text_file

COLUMNS: Columns = PREFERENCES.columns | {"first": Kind.PICTURE, "second": Kind.PICTURE}
WALKS = 2


def files(source: Source) -> Iterator[File]:
    yield from parquet_shards("preferences/train", COLUMNS, _records(source))
    yield from parquet_shards("choices/train", CHOICES.columns, _answers(source))
    yield text_file("README.md", export_cards.dataset(source))


def _records(source: Source) -> Iterator[Record]:
    for row in source.rows():
        source.wrote(1)
        yield dict(zip(PREFERENCES.columns, flattened(row), strict=True)) | {
            "first": {"bytes": source.picture(row.first_key, row.first_sha256), "path": f"{row.first_sample}.png"},
            "second": {"bytes": source.picture(row.second_key, row.second_sha256), "path": f"{row.second_sample}.png"},
        }


def _answers(source: Source) -> Iterator[Record]:
    for batch in CHOICES.batches(source):
        yield from (dict(zip(CHOICES.columns, row, strict=True)) for row in batch)
