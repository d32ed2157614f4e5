"""What people said, as a number: each pair's preference p in [0, 1], and its freezing for training."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    Answer,
    Choice,
    Group,
    Lease,
    Pair,
    PairState,
    Participation,
    Purpose,
    Round,
    Sample,
    SampleState,
    TrainingSet,
    User,
    UserKind,
)
from app.services.canonical import sha256_of
from app.study_settings import LabelingSettings, validated

COUNTED_KINDS = {
    "people": (UserKind.PERSON,),
    "judges": (UserKind.JUDGE,),
    "both": (UserKind.PERSON, UserKind.JUDGE),
}


@dataclass(frozen=True)
class Preference:
    """One pair of a round as training sees it: p is the probability that `first` is better."""

    pair: int
    group: int
    first: int
    second: int
    p: float
    weight: float
    choices: list[int]
    held_out: bool


def probability(answers: list[Answer]) -> float | None:
    """p = (first + tie/2) / (first + second + tie); none where no answer says anything or most say `both_bad`."""
    return probability_of(Counter(answers))


def probability_of(votes: Mapping[Any, int]) -> float | None:
    """`probability`, by how often each answer was given."""
    first, tie = votes.get(Answer.FIRST, 0), votes.get(Answer.TIE, 0)
    said = first + votes.get(Answer.SECOND, 0) + tie
    if said == 0 or votes.get(Answer.BOTH_BAD, 0) > said:
        return None
    return (first + tie / 2) / said


def counts_for(labeling: LabelingSettings, kind: UserKind) -> bool:
    """Whether choices of such a user fill places and are trained on."""
    return kind in COUNTED_KINDS[labeling.counted]


def left_out(study_id: Any, user_id: Any) -> ColumnElement[bool]:
    """Whether an admin has left this person's choices out of the study."""
    theirs = aliased(Participation)
    return exists().where(theirs.study_id == study_id, theirs.user_id == user_id, theirs.left_out_at.is_not(None))


def speaking(round_: Round, labeling: LabelingSettings) -> Select[Any]:
    """The choices that speak for the round's pairs: what fills places and is trained on. Selects `Choice`, joined to
    `Pair`, `Lease` and `User`: standing, of counted purpose and of a kind that counts, by nobody who is left out."""
    return speaking_in(Pair.round_id == round_.id, round_.study_id, COUNTED_KINDS[labeling.counted])


def speaking_in(rounds: ColumnElement[bool], study_id: Any, kinds: Any) -> Select[Any]:
    """`speaking`, in the rounds that `rounds` says of `Pair`; its values may be parameters that get theirs later."""
    return (
        select(Choice)
        .select_from(Choice)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(User, User.id == Choice.user_id)
        .where(
            rounds,
            Choice.undone_at.is_(None),
            Lease.purpose == Purpose.COUNTED,
            User.kind.in_(kinds),
            ~left_out(study_id, Choice.user_id),
        )
    )


def of_round(session: Session, round_: Round) -> list[Preference]:
    """The preferences of the round's pairs from the choices as they stand now, in the fixed order of training."""
    settings = validated(round_.settings)
    first, second = aliased(Sample), aliased(Sample)
    rows = session.execute(
        speaking(round_, settings.labeling)
        .with_only_columns(
            Pair.id, Group.number, first.id, second.id, func.array_agg(Choice.id), func.array_agg(Choice.answer)
        )
        .join(Group, Group.id == Pair.group_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .where(Pair.state != PairState.VOID, first.state == SampleState.READY, second.state == SampleState.READY)
        .group_by(Pair.id, Group.number, first.id, second.id, first.number, second.number)
        .order_by(Group.number, first.number, second.number)
    )
    preferences = []
    for pair, group, first_id, second_id, choices, answers in rows:
        p = probability([Answer(answer) for answer in answers])
        if p is not None:
            held_out = settings.training.hold_out and group % 10 == 9
            preferences.append(Preference(pair, group, first_id, second_id, p, 1.0, sorted(choices), held_out))
    return preferences


def freeze(session: Session, round_: Round, preferences: list[Preference]) -> TrainingSet:
    """Write the round's next training set: the list itself, in its order, with its SHA-256."""
    items: list[Any] = [asdict(preference) for preference in preferences]
    number = session.scalar(select(func.count()).where(TrainingSet.round_id == round_.id)) or 0
    frozen = TrainingSet(round_id=round_.id, number=number + 1, items=items, sha256=sha256_of(items))
    session.add(frozen)
    session.flush()
    return frozen
