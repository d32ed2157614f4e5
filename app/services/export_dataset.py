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
    yield from parquet_shards("choices/train", CHOICES.columns, CHOICES.records(source))
    yield text_file("README.md", export_cards.dataset(source))


def _records(source: Source) -> Iterator[Record]:
    for row in source.rows():
        source.wrote(1)
        yield flattened(row) | {
            "first": {"bytes": source.picture(row.first_key, row.first_sha256), "path": f"{row.first_sample}.png"},
            "second": {"bytes": source.picture(row.second_key, row.second_sha256), "path": f"{row.second_sample}.png"},
        }
