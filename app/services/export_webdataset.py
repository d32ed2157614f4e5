"""WebDataset: tar shards that stream into a training. A pair is three files of one key: both pictures as they were
judged, and its row with every answer as JSON."""

from collections.abc import Iterator

from app.services import export_cards
from app.services.export_source import Source
from app.services.export_tables import Record
from app.services.export_writers import Ahead, File, nested_json, tar_shard, text_file

WALKS = 1


def files(source: Source) -> Iterator[File]:
    left, number = Ahead(_members(source)), 0
    while not left.is_over:
        yield File(f"shard-{number:05}.tar", tar_shard(left))
        number += 1
    yield text_file("README.md", export_cards.webdataset(source))


def _members(source: Source) -> Iterator[Record]:
    """The files of each pair, by name."""
    for row in source.rows():
        source.wrote(1)
        key = f"{row.pair:012}"
        yield {
            f"{key}.first.png": source.picture(row.first_key, row.first_sha256),
            f"{key}.second.png": source.picture(row.second_key, row.second_sha256),
            f"{key}.json": nested_json(row),
        }
