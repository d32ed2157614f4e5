"""Preference data for researchers: every pair of a study with what people said of it, as the stored rows have it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Group, Lease, Pair, Prompt, Purpose, Round, RoundKind, Sample, User, UserKind
from app.services import preferences
from app.study_settings import LabelingSettings, validated

BATCH = 500


@dataclass(frozen=True)
class Said:
    """One standing choice. `counted`: it speaks for its pair by the round's settings; `late`: after the freeze;
    `extra`: on a pair that was full; `left_out`: by someone whose choices an admin has left out."""

    choice: int
    annotator: int
    by: UserKind
    purpose: Purpose
    answer: Answer
    counted: bool
    late: bool
    extra: bool
    left_out: bool
    response_ms: int | None
    reasons: list[str]
    comment: str
    made_at: datetime


@dataclass(frozen=True)
class PreferenceRow:
    """One pair. `p` is the probability that `first` is better by its counted choices (none: they say nothing)."""

    study: int
    round: int
    round_kind: RoundKind
    round_number: int
    pair: int
    group: int
    prompt: str
    first_sample: int
    second_sample: int
    first_sha256: str
    second_sha256: str
    p: float | None
    weight: float
    votes: dict[str, int]
    choices: list[Said]


def rows(
    session: Session, study_id: int, *, kinds: Collection[RoundKind] = (RoundKind.PREFERENCE,), after: int = 0,
    limit: int = BATCH,
) -> list[PreferenceRow]:  # fmt: skip
    """The pairs of the study's rounds of these kinds that anyone has answered, by pair id, those beyond `after`. Two
    queries. Pairs of comparisons are not what a model learns from, so they are not among them unless asked for."""
    first, second = aliased(Sample), aliased(Sample)
    answered = select(Choice.id).where(Choice.pair_id == Pair.id, Choice.undone_at.is_(None)).exists()
    pairs = session.execute(
        select(Pair.id, Round, Group.number, Prompt.text, first.id, second.id, first.image_sha256, second.image_sha256)
        .join(Round, Round.id == Pair.round_id)
        .join(Group, Group.id == Pair.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .where(Round.study_id == study_id, Round.kind.in_(kinds), Pair.id > after, answered)
        .order_by(Pair.id)
        .limit(limit)
    ).all()
    labeling = {round_.id: validated(round_.settings).labeling for _, round_, *_ in pairs}
    said = _said(session, study_id, {pair_id: labeling[round_.id] for pair_id, round_, *_ in pairs})
    return [_row(study_id, *row, said[row[0]]) for row in pairs]


def _row(
    study_id: int, pair_id: int, round_: Round, group: int, prompt: str, first: int, second: int,
    first_sha256: str, second_sha256: str, choices: list[Said],
) -> PreferenceRow:  # fmt: skip
    counted = [choice.answer for choice in choices if choice.counted]
    votes = dict(Counter(answer.value for answer in counted))
    return PreferenceRow(
        study_id, round_.id, round_.kind, round_.number, pair_id, group, prompt, first, second, first_sha256,
        second_sha256, preferences.probability(counted), 1.0, votes, choices,
    )  # fmt: skip


def _said(session: Session, study_id: int, pairs: dict[int, LabelingSettings]) -> dict[int, list[Said]]:
    """The standing choices of these pairs, oldest first."""
    found: dict[int, list[Said]] = {pair_id: [] for pair_id in pairs}
    made = session.execute(
        select(Choice, User.kind, Lease.purpose, preferences.left_out(study_id, Choice.user_id))
        .join(User, User.id == Choice.user_id)
        .join(Lease, Lease.id == Choice.lease_id)
        .where(Choice.pair_id.in_(pairs), Choice.undone_at.is_(None))
        .order_by(Choice.id)
    )
    for choice, kind, purpose, left_out in made:
        counts = purpose is Purpose.COUNTED and preferences.counts_for(pairs[choice.pair_id], kind) and not left_out
        found[choice.pair_id].append(
            Said(
                choice.id, choice.user_id, kind, purpose, choice.answer, counts, choice.late, choice.extra, left_out,
                choice.response_ms, choice.reasons, choice.comment, choice.made_at,
            )
        )  # fmt: skip
    return found
