"""How far people agree about the pairs of a study: Krippendorff's alpha over all, and each person with the others.

Of each pair the counted choices of people stand against each other; ties and "both bad" are values of their own, a skip
is a missing one, and who is left out takes no part.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, func, select, true
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Lease, Pair, Purpose, Round, RoundTally, UserKind
from app.models.base import Json
from app.services import preferences

VALUES = (Answer.FIRST, Answer.SECOND, Answer.TIE, Answer.BOTH_BAD)
Counts = tuple[int, ...]  # how many said each of these
Patterns = Counter[Counts]  # on how many pairs
Beside = Counter[tuple[Answer, Counts]]  # someone's own answer and the counts of the others, on how many pairs


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha (nominal) over the pairs that at least two people answered; none where there is no such pair
    or all said the same throughout. 1 is agreement, 0 what chance gives, below 0 less than that."""

    value: float | None
    pairs: int


@dataclass(frozen=True)
class WithOthers:
    """With which share of the others' answers someone's own agree, averaged over the pairs that others answered too."""

    share: float
    pairs: int


def alpha(session: Session, *where: ColumnElement[bool]) -> Alpha:
    """Alpha over the pairs of the rounds that `where` names."""
    return alpha_of(patterns(session, *where))


def patterns(session: Session, *where: ColumnElement[bool]) -> Patterns:
    """On how many pairs people's answers are spread so or so, where two or more answered. One query."""
    per_pair = said(*where).with_only_columns(
        *(func.count().filter(Choice.answer == value).label(value.value) for value in VALUES)
    )
    spread = per_pair.group_by(Choice.pair_id).having(func.count() >= 2).subquery()
    rows = session.execute(select(*spread.c, func.count()).group_by(*spread.c))
    return Counter({tuple(counts): pairs for *counts, pairs in rows})


def stored(session: Session, study_id: int, *, round_id: int | None = None) -> Patterns:
    """The patterns of the study's rounds, or of one, as last counted. One query."""
    query = (
        select(RoundTally.patterns).join(Round, Round.id == RoundTally.round_id).where(Round.study_id == study_id)
    )  # fmt: skip
    if round_id is not None:
        query = query.where(Round.id == round_id)
    found: Patterns = Counter()
    for written in session.scalars(query):
        found.update(read(written))
    return found


def alpha_of(spread: Patterns) -> Alpha:
    """Alpha over pairs of these patterns, from the coincidences of two answers on one pair, in either order
    (K. Krippendorff, "Content Analysis", 4th ed., ch. 12)."""
    known = {counts: pairs for counts, pairs in spread.items() if pairs > 0 and sum(counts) >= 2}
    counts, pairs = np.array(list(known), dtype=float).reshape(-1, len(VALUES)), np.array(list(known.values()))
    said_in_all = (counts * pairs[:, None]).sum(axis=0)
    if (said_in_all > 0).sum() < 2:
        return Alpha(None, int(pairs.sum()))
    of_pair, answers = counts.sum(axis=1), said_in_all.sum()
    alike = (counts * (counts - 1) / (of_pair - 1)[:, None] * pairs[:, None]).sum()
    apart_by_chance = answers**2 - (said_in_all**2).sum()
    return Alpha(float(1 - (answers - 1) * (answers - alike) / apart_by_chance), int(pairs.sum()))


def with_others(session: Session, people: Sequence[int], *where: ColumnElement[bool]) -> dict[int, WithOthers]:
    """Each person's agreement with the others, by user id; who shares no pair with anyone is not in it."""
    found = {user_id: sums(theirs) for user_id, theirs in beside(session, people, *where).items()}
    return {user_id: WithOthers(agreed / pairs, pairs) for user_id, (agreed, pairs) in found.items()}


def beside(session: Session, people: Sequence[int], *where: ColumnElement[bool]) -> dict[int, Beside]:
    """What others said of the pairs that each of these people answered, by user id. One query."""
    theirs: Any = aliased(Choice, said(*where).subquery())
    mine, lease = aliased(Choice), aliased(Lease)
    per_pair = (
        select(
            mine.user_id,
            mine.answer,
            *(func.count().filter(theirs.answer == value).label(value.value) for value in VALUES),
        )
        .join(lease, lease.id == mine.lease_id)
        .join(theirs, (theirs.pair_id == mine.pair_id) & (theirs.user_id != mine.user_id))
        .where(
            mine.user_id.in_(people),
            mine.undone_at.is_(None),
            mine.answer != Answer.SKIP,
            lease.purpose == Purpose.COUNTED,
        )
        .group_by(mine.id)
        .subquery()
    )
    found: dict[int, Beside] = {}
    for user_id, own, *counts, pairs in session.execute(select(*per_pair.c, func.count()).group_by(*per_pair.c)):
        found.setdefault(user_id, Counter())[own, tuple(counts)] += pairs
    return found


def sums(theirs: Beside) -> tuple[float, int]:
    """The shares of others who said the same, added up over someone's pairs, and how many these are."""
    agreed = sum(pairs * counts[VALUES.index(own)] / sum(counts) for (own, counts), pairs in theirs.items())
    return float(agreed), theirs.total()


def without(spread: Patterns, theirs: Beside) -> Patterns:
    """The patterns as they are without someone's own answers. They have to be among those that the patterns count."""
    left = Counter(spread)
    for (own, others), pairs in theirs.items():
        place = VALUES.index(own)
        left[(*others[:place], others[place] + 1, *others[place + 1 :])] -= pairs
        if sum(others) >= 2:
            left[others] += pairs
    return left


def written(spread: Patterns) -> Json:
    """Patterns as JSON."""
    return {",".join(map(str, counts)): pairs for counts, pairs in spread.items()}


def read(spread: Json) -> Patterns:
    return Counter({tuple(map(int, counts.split(","))): pairs for counts, pairs in spread.items()})


def written_beside(theirs: Beside) -> Json:
    return {f"{own.value}|{','.join(map(str, counts))}": pairs for (own, counts), pairs in theirs.items()}


def read_beside(theirs: Json) -> Beside:
    found: Beside = Counter()
    for key, pairs in theirs.items():
        own, _, counts = key.partition("|")
        found[Answer(own), tuple(map(int, counts.split(",")))] += pairs
    return found


def said(*where: ColumnElement[bool]) -> Select[Any]:
    """The choices that are compared, as `Choice` joined to `Pair` and `Round`."""
    of_people = preferences.speaking_in(and_(true(), *where), Round.study_id, [UserKind.PERSON])
    return of_people.join(Round, Round.id == Pair.round_id).where(Choice.answer.in_(VALUES))
