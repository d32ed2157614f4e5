"""Hidden repeats: a pair that someone answered, shown to them once more with its sides exchanged."""

from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Lease, Pair, PairState, Purpose, Round, User
from app.services import places

APART = 10
LOOKED_AT = 50


def next_pair(session: Session, *, study_id: int, user: User, without: set[int], seed: str) -> int | None:
    """A pair that the user answered at least ten answers ago, in a round that still asks, and was not repeated yet.

    One of a bounded number of answers, chosen by the seed. A skip is no answer to be repeated.
    """
    earlier = (
        select(Choice)
        .where(Choice.user_id == user.id, Choice.undone_at.is_(None))
        .order_by(Choice.made_at.desc(), Choice.id.desc())
        .offset(APART)
        .limit(LOOKED_AT)
    )
    said: Any = aliased(Choice, earlier.subquery())
    repeated = aliased(Lease)
    return session.scalar(
        select(said.pair_id)
        .join(Lease, Lease.id == said.lease_id)
        .join(Pair, Pair.id == said.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(
            Round.study_id == study_id,
            Round.state.in_(places.ASKED_IN),
            Pair.state != PairState.VOID,
            Pair.id.not_in(without),
            Lease.purpose == Purpose.COUNTED,
            said.answer != Answer.SKIP,
            ~exists().where(
                repeated.pair_id == Pair.id, repeated.user_id == user.id, repeated.purpose == Purpose.REPEAT
            ),
        )
        .order_by(func.md5(func.concat(seed, said.pair_id)))
        .limit(1)
    )
