"""Preference data for researchers: every pair of a study with what people said of it, as the stored rows have it.

Annotators are told of by pseudonym alone. What someone said who is left out of the study, or who took their consent
back, is in no export.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, any_, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    Answer,
    Checkpoint,
    Choice,
    Consent,
    Group,
    Lease,
    Pair,
    Prompt,
    Purpose,
    Round,
    RoundKind,
    Sample,
    Sampler,
    Study,
    User,
    UserKind,
)
from app.models.base import ids
from app.services import preferences
from app.services.pseudonyms import told_as
from app.study_settings import LabelingSettings

BATCH = 1000
COUNTED_BY_DEFAULT = LabelingSettings().counted


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. `annotator` is a pseudonym, of a judge its name. `counted`: it speaks for its pair by the round's
    settings; `late`: after the freeze; `extra`: on a pair that was full. `expected` is what was known beforehand of a
    warm-up or gold pair; an answer that was taken back has `undone_at`, and counts nowhere."""

    choice: int
    annotator: str
    by: UserKind
    purpose: Purpose
    answer: Answer
    counted: bool
    late: bool
    extra: bool
    response_ms: int | None
    reasons: list[str]
    comment: str
    lease: int
    first_on_left: bool
    expected: Answer | None
    shown_at: datetime
    made_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class PreferenceRow:
    """One pair. `p` is the probability that `first` is better by its counted choices (none: they say nothing).

    `seed` is the study's, by which with the numbers of round, group and sample the noise is drawn again; a comparison's
    pictures are drawn by prompt number and draw instead. `first_policy` is the number of the checkpoint that drew (0:
    the base). The pictures' keys are for those who write pictures, and never told.
    """

    study: int
    round: int
    round_kind: RoundKind
    round_number: int
    pair: int
    group: int
    prompt: str
    prompt_number: int
    seed: int
    draw: int | None
    sampler: Sampler | None
    first_sample: int
    second_sample: int
    first_number: int
    second_number: int
    first_policy: int
    second_policy: int
    first_sha256: str
    second_sha256: str
    p: float | None
    weight: float
    votes: dict[str, int]
    choices: list[Said]
    first_key: str
    second_key: str


def rows(
    session: Session, study_id: int, *, secret: str, kinds: Collection[RoundKind] = (RoundKind.PREFERENCE,),
    after: int = 0, limit: int = BATCH,
) -> list[PreferenceRow]:  # fmt: skip
    """The pairs of the study's rounds of these kinds that anyone has answered, by pair id, those beyond `after`. Two
    queries. Pairs of comparisons are not what a model learns from, so they are not among them unless asked for.
    `secret` is the settings' own, by which pseudonyms are drawn."""
    found = session.execute(_pairs(study_id, kinds).where(Pair.id > after).order_by(Pair.id).limit(limit)).all()
    said = _said(session, study_id, {row.id: row.counted for row in found}, secret)
    return [_row(study_id, row, said[row.id]) for row in found]


def count(session: Session, study_id: int, *, kinds: Collection[RoundKind]) -> int:
    """How many rows there are."""
    return session.scalar(_pairs(study_id, kinds).with_only_columns(func.count(), maintain_column_froms=True)) or 0


def _pairs(study_id: int, kinds: Collection[RoundKind]) -> Select[*tuple[Any, ...]]:
    """The answered pairs with all that is told of them but the answers."""
    first, second = aliased(Sample), aliased(Sample)
    first_policy, second_policy = aliased(Checkpoint), aliased(Checkpoint)
    answered = select(Choice.id).where(
        Choice.pair_id == Pair.id, Choice.undone_at.is_(None), ~_withheld(study_id, Choice.user_id)
    )
    return (
        select(
            Pair.id,
            Round.id.label("round"),
            Round.kind,
            Round.number,
            Group.number.label("group"),
            Group.draw,
            Group.sampler,
            Prompt.text,
            Prompt.number.label("prompt_number"),
            Study.seed,
            first.id.label("first"),
            second.id.label("second"),
            first.number.label("first_number"),
            second.number.label("second_number"),
            func.coalesce(first_policy.number, 0).label("first_policy"),
            func.coalesce(second_policy.number, 0).label("second_policy"),
            first.image_sha256.label("first_sha256"),
            second.image_sha256.label("second_sha256"),
            first.image_key.label("first_key"),
            second.image_key.label("second_key"),
            func.coalesce(Round.settings["labeling"]["counted"].astext, COUNTED_BY_DEFAULT).label("counted"),
        )
        .select_from(Pair)
        .join(Round, Round.id == Pair.round_id)
        .join(Study, Study.id == Round.study_id)
        .join(Group, Group.id == Pair.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .outerjoin(first_policy, first_policy.id == first.checkpoint_id)
        .outerjoin(second_policy, second_policy.id == second.checkpoint_id)
        .where(Round.study_id == study_id, Round.kind.in_(kinds), answered.exists())
    )


def _withheld(study_id: int, user_id: Any) -> ColumnElement[bool]:
    """Whether nothing of this person is told: they are left out, or took back the only consent they gave."""
    given, standing = aliased(Consent), aliased(Consent)
    took_back = and_(
        exists().where(given.study_id == study_id, given.user_id == user_id, given.withdrawn_at.is_not(None)),
        ~exists().where(standing.study_id == study_id, standing.user_id == user_id, standing.withdrawn_at.is_(None)),
    )
    return preferences.left_out(study_id, user_id) | took_back


def _row(study_id: int, row: Row[Any], choices: list[Said]) -> PreferenceRow:
    counted = [choice.answer for choice in choices if choice.counted]
    return PreferenceRow(
        study_id, row.round, row.kind, row.number, row.id, row.group, row.text, row.prompt_number, row.seed, row.draw,
        row.sampler, row.first, row.second, row.first_number, row.second_number, row.first_policy, row.second_policy,
        row.first_sha256, row.second_sha256, preferences.probability(counted), 1.0,
        dict(Counter(answer.value for answer in counted)), choices, row.first_key, row.second_key,
    )  # fmt: skip


def _said(session: Session, study_id: int, pairs: dict[int, str], secret: str) -> dict[int, list[Said]]:
    """What was answered on these pairs, oldest first. `pairs` says of each whose choices count."""
    found: dict[int, list[Said]] = {pair_id: [] for pair_id in pairs}
    made = session.execute(
        select(
            Choice.id,
            Choice.pair_id,
            Choice.user_id,
            Choice.answer,
            Choice.late,
            Choice.extra,
            Choice.response_ms,
            Choice.reasons,
            Choice.comment,
            Choice.made_at,
            Choice.undone_at,
            User.kind,
            User.handle,
            Lease.id.label("lease"),
            Lease.purpose,
            Lease.first_on_left,
            Lease.expected,
            Lease.given_at,
        )
        .join(User, User.id == Choice.user_id)
        .join(Lease, Lease.id == Choice.lease_id)
        .where(Choice.pair_id == any_(ids("pairs")), ~_withheld(study_id, Choice.user_id))
        .order_by(Choice.id),
        {"pairs": list(pairs)},
    )
    names: dict[int, str] = {}
    for one in made:
        if one.user_id not in names:
            names[one.user_id] = told_as(one.kind, one.handle, secret=secret, study_id=study_id, user_id=one.user_id)
        speaks = one.kind in preferences.COUNTED_KINDS[pairs[one.pair_id]]
        counted = one.purpose is Purpose.COUNTED and one.undone_at is None and speaks
        found[one.pair_id].append(
            Said(
                one.id, names[one.user_id], one.kind, one.purpose, one.answer, counted, one.late, one.extra,
                one.response_ms, one.reasons, one.comment, one.lease, one.first_on_left, one.expected, one.given_at,
                one.made_at, one.undone_at,
            )
        )  # fmt: skip
    return found
