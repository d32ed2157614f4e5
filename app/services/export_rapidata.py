"""Rapidata's columns: how several people voted on each pair, with both pictures. Of pairs that at least two decided."""

import json
from collections.abc import Iterator

from app.services import export_cards
from app.services.export_source import Source
from app.services.export_tables import Columns, Kind, Record
from app.services.export_writers import File, parquet_shards, text_file

COLUMNS: Columns = {
    "prompt": Kind.TEXT,
    "image1": Kind.PICTURE,
    "image2": Kind.PICTURE,
    "model1": Kind.TEXT,
    "model2": Kind.TEXT,
    "votes_image1": Kind.WHOLE,
    "votes_image2": Kind.WHOLE,
    "weighted_results_image1_preference": Kind.SINGLE,
    "weighted_results_image2_preference": Kind.SINGLE,
    "detailed_results_preference": Kind.TEXT,
}
FEWEST = 2
WALKS = 1


def files(source: Source) -> Iterator[File]:
    yield from parquet_shards("data/train", COLUMNS, _records(source))
    yield text_file("README.md", export_cards.rapidata(source))


def _records(source: Source) -> Iterator[Record]:
    for row in source.rows():
        first, second, ties = (row.votes.get(answer, 0) for answer in ("first", "second", "tie"))
        if row.p is None or first + second + ties < FEWEST:
            continue
        model_1, model_2 = source.models(row)
        source.wrote(1)
        yield {
            "prompt": row.prompt,
            "image1": _picture(source, row.first_key, row.first_sha256),
            "image2": _picture(source, row.second_key, row.second_sha256),
            "model1": model_1,
            "model2": model_2,
            "votes_image1": first,
            "votes_image2": second,
            "weighted_results_image1_preference": row.p,
            "weighted_results_image2_preference": 1 - row.p,
            "detailed_results_preference": json.dumps(
                [
                    {"annotator": said.annotator, "answer": said.answer, "response_ms": said.response_ms}
                    for said in row.choices
                    if said.counted
                ]
            ),
        }


def _picture(source: Source, key: str, sha256: str) -> Record:
    return {"bytes": source.picture(key, sha256), "path": f"{sha256}.png"}
