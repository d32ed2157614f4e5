"""What the page of known answers shows: pairs of a study with their pictures, what was said and what was set."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    Answer,
    Choice,
    GoldAnswer,
    Group,
    Lease,
    Pair,
    PairState,
    Prompt,
    Purpose,
    Round,
    RoundKind,
    Sample,
)
from app.services import preferences
from app.services.pictures import Picture


@dataclass(frozen=True)
class GoldPair:
    """A pair with the answer that an admin set (none: nobody did), and how often people answered each, uncounted
    showings left out. `shown` is how often it was answered as gold, `right` how often rightly."""

    id: int
    round_number: int
    prompt: str
    first: Picture
    second: Picture
    answer: Answer | None
    votes: dict[str, int]
    shown: int
    right: int


def count_set(session: Session, study_id: int) -> int:
    """How many answers admins have set in the study."""
    query = (
        select(func.count())
        .select_from(GoldAnswer)
        .join(Pair, Pair.id == GoldAnswer.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(Round.study_id == study_id)
    )
    return session.scalar(query) or 0


def pairs(
    session: Session, study_id: int, *, only_set: bool, before: int | None = None, limit: int = 24
) -> list[GoldPair]:
    """Pairs of no comparison whose answer was set, or all that have their choices, newest first, those before the id
    `before`."""
    first, second = aliased(Sample), aliased(Sample)
    query = (
        select(Pair.id, Round.number, Prompt.text, first, second, GoldAnswer.answer)
        .join(Round, Round.id == Pair.round_id)
        .join(Group, Group.id == Pair.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .outerjoin(GoldAnswer, GoldAnswer.pair_id == Pair.id)
        .where(Round.study_id == study_id, Round.kind != RoundKind.EVALUATION)
        .order_by(Pair.id.desc())
        .limit(limit)
    )
    query = query.where(
        exists().where(GoldAnswer.pair_id == Pair.id).correlate(Pair) if only_set else Pair.state == PairState.CLOSED
    )
    if before is not None:
        query = query.where(Pair.id < before)
    rows = session.execute(query).all()
    votes, golden = _votes(session, study_id, [row[0] for row in rows]), _golden(session, [row[0] for row in rows])
    return [
        GoldPair(
            pair_id, number, prompt, _picture(a), _picture(b), answer, votes[pair_id], *golden.get(pair_id, (0, 0))
        )
        for pair_id, number, prompt, a, b, answer in rows
    ]


def _picture(sample: Sample) -> Picture:
    return Picture(sample.id, sample.webp_key, sample.width, sample.height)


def _votes(session: Session, study_id: int, pair_ids: Sequence[int]) -> dict[int, Counter[str]]:
    found: dict[int, Counter[str]] = {pair_id: Counter() for pair_id in pair_ids}
    rows = session.execute(
        select(Choice.pair_id, Choice.answer, func.count())
        .join(Lease, Lease.id == Choice.lease_id)
        .where(
            Choice.pair_id.in_(pair_ids),
            Choice.undone_at.is_(None),
            Lease.purpose == Purpose.COUNTED,
            ~preferences.left_out(study_id, Choice.user_id),
        )
        .group_by(Choice.pair_id, Choice.answer)
    )
    for pair_id, answer, count in rows:
        found[pair_id][answer.value] = count
    return found


def _golden(session: Session, pair_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    rows = session.execute(
        select(Choice.pair_id, func.count(), func.count().filter(Choice.answer == Lease.expected))
        .join(Lease, Lease.id == Choice.lease_id)
        .where(
            Choice.pair_id.in_(pair_ids),
            Choice.undone_at.is_(None),
            Choice.answer != Answer.SKIP,
            Lease.purpose == Purpose.GOLD,
        )
        .group_by(Choice.pair_id)
    )
    return {pair_id: (shown, right) for pair_id, shown, right in rows}
