"""How far people agree about the pairs of a study: Krippendorff's alpha over all, and each person with the others.

Of each pair the counted choices of people stand against each other; ties and "both bad" are values of their own, a skip
is a missing one, and who is left out takes no part.
"""

from dataclasses import dataclass
from typing import Any

import krippendorff
import numpy as np
from sqlalchemy import ColumnElement, Float, Select, and_, case, cast, func, select, true
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Lease, Pair, Purpose, Round, UserKind
from app.services import preferences

VALUES = (Answer.FIRST, Answer.SECOND, Answer.TIE, Answer.BOTH_BAD)


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
    """Alpha over the pairs of the rounds that `where` names (K. Krippendorff, "Content Analysis", 4th ed., ch. 12)."""
    per_pair = said(*where).with_only_columns(
        *(func.count().filter(Choice.answer == value).label(value.value) for value in VALUES)
    )
    patterns = per_pair.group_by(Choice.pair_id).having(func.count() >= 2).subquery()
    rows = session.execute(select(*patterns.c, func.count()).group_by(*patterns.c)).all()
    if not rows:
        return Alpha(None, 0)
    table = np.array(rows, dtype=np.int64)
    counts, pairs = table[:, :-1], table[:, -1]
    if (counts.sum(axis=0) > 0).sum() < 2:
        return Alpha(None, int(pairs.sum()))
    value = krippendorff.alpha(value_counts=counts.repeat(pairs, axis=0), level_of_measurement="nominal")
    return Alpha(float(value), int(pairs.sum()))


def with_others(session: Session, people: list[int], *where: ColumnElement[bool]) -> dict[int, WithOthers]:
    """Each person's agreement with the others, by user id; who shares no pair with anyone is not in it."""
    theirs: Any = aliased(Choice, said(*where).subquery())
    mine, lease = aliased(Choice), aliased(Lease)
    same = case((mine.answer == theirs.answer, 1.0), else_=0.0)
    per_pair = (
        select(mine.user_id, func.avg(same).label("share"))
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
    rows = session.execute(
        select(per_pair.c.user_id, cast(func.avg(per_pair.c.share), Float), func.count()).group_by(per_pair.c.user_id)
    )
    return {user_id: WithOthers(share, pairs) for user_id, share, pairs in rows}


def said(*where: ColumnElement[bool]) -> Select[Any]:
    """The choices that are compared, as `Choice` joined to `Pair` and `Round`."""
    of_people = preferences.speaking_in(and_(true(), *where), Round.study_id, [UserKind.PERSON])
    return of_people.join(Round, Round.id == Pair.round_id).where(Choice.answer.in_(VALUES))
