"""What waits for an annotator: the studies, and how many pairs of each are left for this person.

Counted from the totals that the sweep refreshes, less what the person has answered since: it costs the same whether a
round has a thousand pairs or a million, and their own answers count at once (one that was being stored at the very
moment of a count, with the next). What others do shows with the next sweep.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Select, Text, bindparam, cast, func, select
from sqlalchemy.orm import Session

from app.models import OPEN, Choice, Hold, Lease, Pair, Purpose, Round, RoundState, RoundTotals, Study, User

DEALT_IN = tuple(state for state in OPEN if state is not RoundState.TRAINING)


@dataclass(frozen=True)
class WaitingStudy:
    """A study as its annotator's home page shows it."""

    id: int
    name: str
    question: str
    pairs: int


def for_user(session: Session, user: User) -> list[WaitingStudy]:
    """Every study that is not archived, with the pairs that `user` could still answer in it; where most wait, first."""
    left = _left(session, user)
    rows = session.execute(select(Study.id, Study.name, Study.question).where(Study.archived_at.is_(None)))
    studies = [WaitingStudy(id_, name, question, left.get(id_, 0)) for id_, name, question in rows]
    return sorted(studies, key=lambda study: (-study.pairs, -study.id))


def pairs_left(session: Session, *, study_id: int, user: User) -> int:
    """How many open pairs of the study `user` has not answered yet."""
    return _left(session, user, study_id).get(study_id, 0)


def _left(session: Session, user: User, study_id: int | None = None) -> dict[int, int]:
    """The pairs that are left for the user, by study: in all studies, or in one."""
    asked = {"asker": user.id, "asker_as_key": str(user.id), "in_study": study_id}
    rows = session.execute(_left_by_study(study_id is not None), asked)
    return {study: max(int(pairs) - int(since or 0), 0) for study, pairs, since in rows}


@cache
def _left_by_study(in_one: bool) -> Select[Any]:
    """By study: the open pairs the user had not answered when the totals were refreshed, and what they said since."""
    dealt = [Round.state.in_(DEALT_IN), Round.hold != Hold.PAUSED]
    if in_one:
        dealt.append(Round.study_id == bindparam("in_study"))
    known = func.jsonb_extract_path_text(RoundTotals.open_answered, bindparam("asker_as_key", type_=Text))
    answered = func.coalesce(cast(known, BigInteger), 0)
    rounds = (
        select(
            Round.id, Round.study_id, RoundTotals.refreshed_at,
            (RoundTotals.pairs - RoundTotals.pairs_closed - answered).label("pairs"),
        )
        .join(RoundTotals, RoundTotals.round_id == Round.id)
        .where(*dealt)
        .cte("rounds")
    )  # fmt: skip
    since = (
        select(rounds.c.study_id, func.count().label("choices"))
        .select_from(Choice)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(rounds, rounds.c.id == Pair.round_id)
        .where(
            Choice.user_id == bindparam("asker"),
            Choice.undone_at.is_(None),
            Choice.made_at > select(func.min(rounds.c.refreshed_at)).scalar_subquery(),
            Choice.made_at > rounds.c.refreshed_at,
            Lease.purpose == Purpose.COUNTED,
        )
        .group_by(rounds.c.study_id)
        .subquery("since")
    )
    return (
        select(rounds.c.study_id, func.sum(rounds.c.pairs), func.max(since.c.choices))
        .outerjoin(since, since.c.study_id == rounds.c.study_id)
        .group_by(rounds.c.study_id)
    )
