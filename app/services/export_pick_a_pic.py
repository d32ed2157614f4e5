"""Pick-a-Pic v2's columns, exactly: what readers of that dataset (Diffusion-DPO, trainers of reward models) take as it
is. One row for each choice that counts. Ties are a split of their own: readers swap where `label_0` is 0 and would
train the first picture of a tie as the winner."""

import hashlib
from collections import Counter
from collections.abc import Iterator

from app.models import Answer
from app.services import export_cards
from app.services.export_source import Source
from app.services.export_tables import Columns, Kind, Record
from app.services.export_writers import File, parquet_shards, text_file
from app.services.preference_export import PreferenceRow, Said

COLUMNS: Columns = {
    "are_different": Kind.YES_NO,
    "best_image_uid": Kind.TEXT,
    "caption": Kind.TEXT,
    "created_at": Kind.NAIVE,
    "has_label": Kind.YES_NO,
    "image_0_uid": Kind.TEXT,
    "image_0_url": Kind.TEXT,
    "image_1_uid": Kind.TEXT,
    "image_1_url": Kind.TEXT,
    "jpg_0": Kind.BYTES,
    "jpg_1": Kind.BYTES,
    "label_0": Kind.REAL,
    "label_1": Kind.REAL,
    "model_0": Kind.TEXT,
    "model_1": Kind.TEXT,
    "ranking_id": Kind.WHOLE,
    "user_id": Kind.WHOLE,
    "num_example_per_prompt": Kind.WHOLE,
}
LABELS: dict[str, float] = {Answer.FIRST: 1.0, Answer.SECOND: 0.0, Answer.TIE: 0.5}
SPLITS = {"train": (Answer.FIRST, Answer.SECOND), "ties": (Answer.TIE,)}
WALKS = 3  # one that counts each prompt's rows, one that writes each split


def files(source: Source) -> Iterator[File]:
    """`data/train-…`, `data/ties-…` where there are ties, and the card that tells of both."""
    counts = _counted(source)
    for split, of_prompt in counts.items():
        if of_prompt:
            yield from parquet_shards(f"data/{split}", COLUMNS, _records(source, SPLITS[split], of_prompt))
    rows = {split: of_prompt.total() for split, of_prompt in counts.items() if of_prompt}
    yield text_file("README.md", export_cards.pick_a_pic(source, rows))


def annotator_number(said: Said) -> int:
    """Who it was, as a number below 2**48: a person's pseudonym read as one, a judge's name hashed."""
    _, is_pseudonym, digits = said.annotator.partition("annotator-")
    return int(digits if is_pseudonym else hashlib.sha256(said.annotator.encode()).hexdigest()[:12], 16)


def _counted(source: Source) -> dict[str, Counter[str]]:
    """How many rows each prompt has in each split."""
    found: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    split_of = {answer: split for split, answers in SPLITS.items() for answer in answers}
    for row, said in _told(source, tuple(split_of)):
        found[split_of[Answer(said.answer)]][row.prompt] += 1
    return found


def _told(source: Source, answers: tuple[Answer, ...]) -> Iterator[tuple[PreferenceRow, Said]]:
    """The counted choices with one of these answers, of pairs that say anything."""
    for row in source.rows():
        if row.p is not None:
            yield from ((row, said) for said in row.choices if said.counted and said.answer in answers)


def _records(source: Source, answers: tuple[Answer, ...], of_prompt: Counter[str]) -> Iterator[Record]:
    for row, said in _told(source, answers):
        uids: dict[str, str] = {Answer.FIRST: row.first_sha256, Answer.SECOND: row.second_sha256}
        model_0, model_1 = source.models(row)
        source.wrote(1)
        yield {
            "are_different": row.first_sha256 != row.second_sha256,
            "best_image_uid": uids.get(said.answer, "tie"),
            "caption": row.prompt,
            "created_at": said.made_at.replace(tzinfo=None),
            "has_label": True,
            "image_0_uid": row.first_sha256,
            "image_0_url": f"/api/v1/samples/{row.first_sample}/image",
            "image_1_uid": row.second_sha256,
            "image_1_url": f"/api/v1/samples/{row.second_sample}/image",
            "jpg_0": source.picture(row.first_key, row.first_sha256),
            "jpg_1": source.picture(row.second_key, row.second_sha256),
            "label_0": LABELS[said.answer],
            "label_1": 1 - LABELS[said.answer],
            "model_0": model_0,
            "model_1": model_1,
            "ranking_id": said.choice,
            "user_id": annotator_number(said),
            "num_example_per_prompt": max(of_prompt[row.prompt], 1),
        }
