"""What someone has in hand: the leases they hold in a study, and those they let go without an answer."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from app.models import Lease, Pair, PairState, Purpose, Round, User
from app.services import places
from app.services.candidates import Asker

REMEMBERED = 50


@dataclass(frozen=True)
class Held:
    """One lease of the person on a pair that can be shown, answered or not."""

    lease: Lease
    round_id: int
    live: bool
    answered: bool


@dataclass(frozen=True)
class Hand:
    """The person's newest leases in the study. `newest` is the id of the last one they were given in any study: what
    is drawn by it comes out the same until they are given another."""

    user: User
    held: list[Held]
    newest: int

    def live(self, rounds: list[Round]) -> list[Lease]:
        """Leases to go on with, in the order in which they were given: counted ones only in rounds that are dealt."""
        dealt = {round_.id for round_ in rounds}
        mine = [h.lease for h in self.held if h.live and not h.answered]
        counted = {h.lease.id for h in self.held if h.round_id in dealt}
        return sorted(
            (x for x in mine if x.purpose is not Purpose.COUNTED or x.id in counted), key=lambda x: (x.given_at, x.id)
        )

    def let_go(self) -> list[Lease]:
        """Uncounted leases that ran out without an answer: they are shown first when the person comes back."""
        mine = [h.lease for h in self.held if not h.live and not h.answered]
        return sorted((x for x in mine if x.purpose is not Purpose.COUNTED), key=lambda x: x.id)

    def asker(self, round_: Round) -> Asker:
        """The person as one who asks for pairs of the round."""
        counted = [h for h in self.held if h.round_id == round_.id and h.lease.purpose is Purpose.COUNTED]
        newest = max(counted, key=lambda h: (h.lease.given_at, h.lease.id), default=None)
        before = [h.lease.pair_id for h in counted if not h.live and not h.answered]
        return Asker(self.user, before, newest.lease.pair_id if newest else None)


def of(session: Session, *, study_id: int, user: User) -> Hand:
    """The person's hand in the study, from their leases that ended last: a bounded number, in one index."""
    rows = session.execute(_newest(), {"holder": user.id}, execution_options={"populate_existing": True}).all()
    held = [
        Held(lease, round_id, live, answered)
        for lease, round_id, of_study, state, live, answered in rows
        if of_study == study_id and state is not PairState.VOID
    ]
    return Hand(user, held, max((row[0].id for row in rows), default=0))


@cache
def _newest() -> Select[Any]:
    last = select(Lease).where(Lease.user_id == bindparam("holder"))
    last = last.order_by(Lease.expires_at.desc(), Lease.id.desc()).limit(REMEMBERED)
    mine: Any = aliased(Lease, last.subquery())
    return (
        select(mine, Round.id, Round.study_id, Pair.state, mine.expires_at > func.now(), places.answered(mine.id))
        .join(Pair, Pair.id == mine.pair_id)
        .join(Round, Round.id == Pair.round_id)
    )
