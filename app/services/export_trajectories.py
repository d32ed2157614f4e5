"""Trajectories: the denoising paths of the answered pairs' pictures, as safetensors in tar shards, a file for each
group; and an index that says of each pair what was answered and where its two paths are.

Retention takes trajectories of older rounds: their pairs stand in the index alone, with the SHA-256 that they had.
"""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from pydantic_core import to_json
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Gone
from app.models import Group, Round, RoundKind, Sample, SampleState
from app.services import export_cards, retention
from app.services.export_source import Rounds, Source
from app.services.export_tables import Record
from app.services.export_writers import Ahead, Aside, File, aside, nested, tar_shard, text_file
from app.services.group_tensors import group_file
from app.services.preference_export import PreferenceRow

WALKS = 1
GROUPS_AT_ONCE = 100
FACTS = (
    "pair", "round", "round_number", "group", "prompt", "first_sample", "second_sample", "first_number",
    "second_number", "p", "weight",
)  # fmt: skip


def check(session: Session, study_id: int, rounds: Rounds) -> None:
    """Raises `BadInput` where none are ever kept, `Gone` where retention has taken all, `Conflict` before the first."""
    if rounds is Rounds.EVALUATION:
        raise BadInput(
            "Pictures of blind comparisons are drawn without keeping trajectories.",
            "Ask for the rounds that are trained on.",
            fields={"rounds": "has no trajectories"},
        )
    if _any(session, study_id, retention.KEPT):
        return
    if _any(session, study_id, Sample.trajectory_removed_at.is_not(None)):
        raise Gone(
            "This study's trajectories have been cleaned up: they are kept while a round is open and for the last "
            f"{retention.ROUNDS_KEPT} rounds. Their SHA-256 stay, and pictures and choices are still there.",
            "Export what people said in another format; training a round again draws its trajectories again.",
        )
    raise Conflict("No trajectory was drawn in this study yet.", "Wait until a round has drawn its pictures.")


def files(source: Source) -> Iterator[File]:
    """`shard-….tar` of `KEY.safetensors` and `KEY.json`, `index.jsonl` with a line for each pair, and the card."""
    found, number = Counter[str](), 0
    with aside() as index:
        groups = Ahead(_groups(source, index, found))
        while not groups.is_over:
            name = f"shard-{number:05}.tar"
            yield File(name, tar_shard(_placed(groups, name, index)))
            number += 1
        yield index.file("index.jsonl")
    yield text_file("README.md", export_cards.trajectories(source, found))


def _groups(source: Source, index: Aside, found: Counter[str]) -> Iterator[Record]:
    """The files of each group that has any, with what the index says of its pairs; of the others it is said at once."""
    for batch in source.by_groups(GROUPS_AT_ONCE):
        samples = source.samples({number for row in batch for number in (row.first_sample, row.second_sample)})
        for _, some in groupby(batch, key=lambda row: (row.round, row.group)):
            there = []
            for row in some:
                first, second = samples[row.first_sample], samples[row.second_sample]
                missing = _missing(first) or _missing(second)
                found[missing or "there"] += 1
                line = _line(row, first, second, missing)
                if missing is None:
                    there.append((row, line))
                else:
                    index.add(line | {"shard": None, "file": None})
            if there:
                source.wrote(len(there))
                yield _files(source, [row for row, _ in there], samples) | {"lines": [line for _, line in there]}


def _files(source: Source, rows: list[PreferenceRow], samples: dict[int, Sample]) -> Record:
    key = f"{rows[0].round_number:05}-{rows[0].group:07}"
    wanted = {row.first_sample for row in rows} | {row.second_sample for row in rows}
    paths = {samples[number].number: source.trajectory(samples[number]) for number in sorted(wanted)}
    described = {
        "study": source.study.id, "round": rows[0].round_number, "group": rows[0].group, "prompt": rows[0].prompt,
        "samples": {str(samples[number].number): number for number in sorted(wanted)},
    }  # fmt: skip
    return {
        f"{key}.safetensors": group_file(paths, {"tastemaker.group": json.dumps(described)}),
        f"{key}.json": to_json({"prompt": rows[0].prompt, "pairs": [nested(row) for row in rows]}),
    }


def _placed(groups: Iterator[Record], shard: str, index: Aside) -> Iterator[Record]:
    """The groups' files, each noted in the index as it goes into this shard."""
    for members in groups:
        lines = members.pop("lines")
        name = next(iter(members))
        for line in lines:
            index.add(line | {"shard": shard, "file": name})
        yield members


def _line(row: PreferenceRow, first: Sample, second: Sample, missing: str | None) -> Record:
    facts = {name: getattr(row, name) for name in FACTS}
    return facts | {
        "choices": [said.choice for said in row.choices],
        "first_trajectory_sha256": first.trajectory_sha256,
        "second_trajectory_sha256": second.trajectory_sha256,
        "missing": missing,
    }


def _missing(sample: Sample) -> str | None:
    """Why a picture has no trajectory any more; none where it has."""
    if sample.trajectory_removed_at is not None:
        return "cleaned_up"
    if sample.state is SampleState.LOST:
        return "lost"
    return "never_kept" if sample.trajectory_key is None else None


def _any(session: Session, study_id: int, condition: ColumnElement[bool]) -> bool:
    query = (
        select(Sample.id)
        .join(Group, Group.id == Sample.group_id)
        .join(Round, Round.id == Group.round_id)
        .where(Round.study_id == study_id, Round.kind == RoundKind.PREFERENCE, condition)
    )
    return bool(session.scalar(select(exists(query))))
