"""What waits for an annotator: the studies, and how many pairs of each are left for this person."""

from dataclasses import dataclass

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from app.models import OPEN, Choice, Hold, Pair, PairState, Round, RoundState, Study, User

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
    left = _left(user).subquery()
    rows = session.execute(
        select(Study.id, Study.name, Study.question, func.coalesce(left.c.pairs, 0))
        .outerjoin(left, left.c.study_id == Study.id)
        .where(Study.archived_at.is_(None))
        .order_by(func.coalesce(left.c.pairs, 0).desc(), Study.id.desc())
    )
    return [WaitingStudy(*row) for row in rows]


def pairs_left(session: Session, *, study_id: int, user: User) -> int:
    """How many open pairs of the study `user` has not answered yet."""
    left = _left(user).subquery()
    return session.scalar(select(left.c.pairs).where(left.c.study_id == study_id)) or 0


def _left(user: User) -> Select[int, int]:
    answered = exists().where(Choice.pair_id == Pair.id, Choice.user_id == user.id, Choice.undone_at.is_(None))
    return (
        select(Round.study_id, func.count().label("pairs"))
        .join(Pair, Pair.round_id == Round.id)
        .where(Round.state.in_(DEALT_IN), Round.hold != Hold.PAUSED, Pair.state == PairState.OPEN, ~answered)
        .group_by(Round.study_id)
    )
