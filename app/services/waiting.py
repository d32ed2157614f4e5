"""What waits for an annotator: the studies, and how many pairs of each are left for this person.

Counted from the totals that the sweep refreshes, less what the person has answered since: it costs the same whether a
round has a thousand pairs or a million, and their own answers count at once. What others do shows with the next sweep.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
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
    return _left(session, user, Round.study_id == study_id).get(study_id, 0)


def _left(session: Session, user: User, *where: ColumnElement[bool]) -> dict[int, int]:
    """The pairs that are left for the user, by study."""
    answered = func.coalesce(RoundTotals.open_answered[str(user.id)].as_integer(), 0)
    waiting = session.execute(
        select(
            Round.study_id,
            func.sum(RoundTotals.pairs - RoundTotals.pairs_closed - answered),
            func.min(RoundTotals.refreshed_at),
        )
        .join(RoundTotals, RoundTotals.round_id == Round.id)
        .where(Round.state.in_(DEALT_IN), Round.hold != Hold.PAUSED, *where)
        .group_by(Round.study_id)
    ).all()
    if not waiting:
        return {}
    since = dict(
        session.execute(
            select(Round.study_id, func.count())
            .select_from(Choice)
            .join(Lease, Lease.id == Choice.lease_id)
            .join(Pair, Pair.id == Choice.pair_id)
            .join(Round, Round.id == Pair.round_id)
            .join(RoundTotals, RoundTotals.round_id == Round.id)
            .where(
                Choice.user_id == user.id,
                Choice.undone_at.is_(None),
                Choice.made_at > min(refreshed for _, _, refreshed in waiting),
                Choice.made_at > RoundTotals.refreshed_at,
                Lease.purpose == Purpose.COUNTED,
                Round.state.in_(DEALT_IN),
                Round.hold != Hold.PAUSED,
                *where,
            )
            .group_by(Round.study_id)
        ).all()
    )
    return {study_id: max(int(pairs) - since.get(study_id, 0), 0) for study_id, pairs, _ in waiting}
