"""Where a checkpoint comes from, told whole: what was recorded when it was made, and the choices behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Checkpoint, Choice, Group, Prompt, Round, Sample, Study, TrainingRun, TrainingSet, User, UserKind
from app.models.base import Json, among
from app.services import samples
from app.services.canonical import sha256_of
from app.services.pseudonyms import told_as

SCHEMA = "tastemaker.provenance/1"


@dataclass(frozen=True)
class Behind:
    """A checkpoint with the rows that it came from."""

    checkpoint: Checkpoint
    study: Study
    round_: Round
    run: TrainingRun
    frozen: TrainingSet


@dataclass(frozen=True)
class Ancestor:
    """One checkpoint of a line of descent."""

    id: int
    number: int
    adapter_sha256: str


@dataclass(frozen=True)
class Teller:
    """Someone whose choices a checkpoint was trained on: by pseudonym, or a judge by its name."""

    name: str
    by: UserKind
    choices: int
    first_at: datetime
    last_at: datetime


def behind(session: Session, checkpoint_id: int) -> Behind:
    """The checkpoint and its rows. Raises `NotFound`."""
    found = session.execute(
        select(Checkpoint, Study, Round, TrainingRun, TrainingSet)
        .join(Study, Study.id == Checkpoint.study_id)
        .join(TrainingRun, TrainingRun.id == Checkpoint.training_run_id)
        .join(TrainingSet, TrainingSet.id == TrainingRun.training_set_id)
        .join(Round, Round.id == TrainingRun.round_id)
        .where(Checkpoint.id == checkpoint_id)
    ).one_or_none()
    if found is None:
        raise NotFound(
            f"There is no checkpoint {checkpoint_id}.", "`tastemaker checkpoint list` names those there are."
        )
    return Behind(*found)


def ancestors(session: Session, checkpoint_id: int) -> list[Ancestor]:
    """The checkpoint and all that it descends from, the first one first. One query."""
    line = select(Checkpoint.id, Checkpoint.parent_id).where(Checkpoint.id == checkpoint_id).cte(recursive=True)
    line = line.union_all(
        select(Checkpoint.id, Checkpoint.parent_id).join(line, line.c.parent_id == Checkpoint.id)
    )  # fmt: skip
    rows = session.execute(
        select(Checkpoint.id, Checkpoint.number, Checkpoint.adapter_sha256)
        .join(line, line.c.id == Checkpoint.id)
        .order_by(Checkpoint.id)
    )
    return [Ancestor(*row) for row in rows]


def of_checkpoint(session: Session, checkpoint_id: int, *, secret: str) -> Json:
    """Everything that went into the checkpoint, as one document: the record that its worker wrote, each trained pair
    with its pictures and choices, and the checkpoints before it. People stand in it by pseudonym. Raises `NotFound`."""
    found = behind(session, checkpoint_id)
    checkpoint = found.checkpoint
    return {
        "schema": SCHEMA,
        "checkpoint": {
            "id": checkpoint.id,
            "number": checkpoint.number,
            "made_at": checkpoint.created_at.isoformat(),
            "adapter_sha256": checkpoint.adapter_sha256,
            "files": {
                name: {key: file[key] for key in ("name", "size", "sha256")} for name, file in checkpoint.files.items()
            },
        },
        **checkpoint.provenance,
        "ancestors": [
            {"id": one.id, "number": one.number, "adapter_sha256": one.adapter_sha256}
            for one in ancestors(session, checkpoint_id)[:-1]
        ],
        "pairs": _pairs(session, found, secret),
    }


def tellers(session: Session, checkpoint_id: int, *, secret: str) -> list[Teller]:
    """Whose choices it was trained on, those of the most choices first. Two queries."""
    found = behind(session, checkpoint_id)
    ids = [choice for item in found.frozen.items for choice in item["choices"]]
    rows = session.execute(
        select(User.id, User.kind, User.handle, func.count(), func.min(Choice.made_at), func.max(Choice.made_at))
        .join(Choice, Choice.user_id == User.id)
        .where(among(Choice.id, ids))
        .group_by(User.id)
        .order_by(func.count().desc(), User.id)
    )
    return [
        Teller(told_as(kind, handle, secret=secret, study_id=found.study.id, user_id=user_id), kind, count, first, last)
        for user_id, kind, handle, count, first, last in rows
    ]


def choices_of(session: Session, items: Sequence[Json]) -> dict[int, tuple[Choice, User]]:
    """The choices behind a frozen list, with who made each, by id; one that is no longer there is not in it."""
    ids = [choice for item in items for choice in item["choices"]]
    rows = session.execute(select(Choice, User).join(User, User.id == Choice.user_id).where(among(Choice.id, ids)))
    return {choice.id: (choice, user) for choice, user in rows}


def samples_of(session: Session, items: Sequence[Json]) -> dict[int, Sample]:
    """The samples of a frozen list by id; one that is no longer there is not in it."""
    return samples.found(session, samples.named_in(items))


def trajectories_sha256(rows: Mapping[int, Sample]) -> str:
    """One hash over the trajectories that a training set reads: each sample's id with its file's SHA-256."""
    return sha256_of([[number, rows[number].trajectory_sha256] for number in sorted(rows)])


def _pairs(session: Session, found: Behind, secret: str) -> list[Json]:
    """The frozen list in its order, each pair with its prompt, the SHA-256 of its pictures, and its choices."""
    items: list[Json] = found.frozen.items
    choices, rows = choices_of(session, items), samples_of(session, items)
    groups = session.execute(
        select(Group.number, Prompt.text)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .where(Group.round_id == found.round_.id)
    )
    prompts = {number: text for number, text in groups}  # noqa: C416 -- a Result is no mapping to mypy
    return [
        {
            "pair": item["pair"],
            "group": item["group"],
            "prompt": prompts.get(item["group"]),
            "first": _picture(item["first"], rows),
            "second": _picture(item["second"], rows),
            "p": item["p"],
            "weight": item["weight"],
            "held_out": item["held_out"],
            "choices": [_choice(choices[one], found.study.id, secret) for one in item["choices"] if one in choices],
        }
        for item in items
    ]


def _picture(sample_id: int, rows: Mapping[int, Sample]) -> Json:
    row = rows.get(sample_id)
    if row is None:
        return {"sample": sample_id}
    return {"sample": sample_id, "image_sha256": row.image_sha256, "trajectory_sha256": row.trajectory_sha256}


def _choice(made: tuple[Choice, User], study_id: int, secret: str) -> Json:
    choice, user = made
    return {
        "id": choice.id,
        "by": user.kind.value,
        "annotator": told_as(user.kind, user.handle, secret=secret, study_id=study_id, user_id=user.id),
        "answer": choice.answer.value,
        "made_at": choice.made_at.isoformat(),
        "undone_at": choice.undone_at.isoformat() if choice.undone_at else None,
    }
