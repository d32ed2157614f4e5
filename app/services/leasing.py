"""Which leases someone is given: those they hold, then their warm-up, then what counts with gold and repeats between.

Which of them a new lease is, is drawn by a hash of the last lease they were given: a reload or another tab comes to the
same. A gold pair or a repeat takes the turn of a pair that counts; where none is left, none is shown either.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Interval, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Answer, Lease, Pair, Participation, Purpose, Round, RoundKind, Study, User, UserKind
from app.services import asking, candidates, gold, hands, repeats
from app.services.draws import fraction
from app.services.hands import Hand
from app.services.places import lease_time
from app.services.sides import left_side
from app.study_settings import LabelingSettings, validated


@dataclass(frozen=True)
class Dealer:
    """Deals to one person in one study, whose participation is locked."""

    session: Session
    study: Study
    part: Participation
    user: User
    hand: Hand

    @property
    def seed(self) -> str:
        return f"{self.user.id}/{self.hand.newest}"


def leases(
    session: Session, study: Study, part: Participation, user: User, running: list[Round], count: int
) -> list[Lease]:
    """Up to `count` leases of the user in the study, in the order in which they are to be answered."""
    dealer = Dealer(session, study, part, user, hands.of(session, study_id=study.id, user=user))
    dealt = dealer.hand.live(running)[:count]
    if user.kind is UserKind.PERSON:
        dealt += [_lease(dealer, lease.pair_id, lease.purpose) for lease in dealer.hand.let_go()[: count - len(dealt)]]
        if part.warmed_up_at is None and len(dealt) < count:
            dealt += _warm_up(dealer, asking.asked_now(study, running), count - len(dealt), dealt)
    for round_ in _in_turn(dealer, running):
        if len(dealt) < count:
            dealt += _in_round(dealer, round_, count - len(dealt), dealt)
    return dealt


def _in_turn(dealer: Dealer, running: list[Round]) -> list[Round]:
    """The rounds to deal from, in order: by the study's share, drawn anew after each lease the user was given."""
    preference = [r for r in running if r.kind is RoundKind.PREFERENCE]
    comparisons = [r for r in running if r.kind is RoundKind.EVALUATION]
    if not preference or not comparisons:
        return running
    share = validated(preference[0].settings).labeling.evaluation_share
    first = fraction(f"turn/{dealer.seed}") < share
    return [*comparisons, *preference] if first else [*preference, *comparisons]


def _warm_up(dealer: Dealer, labeling: LabelingSettings, count: int, dealt: list[Lease]) -> list[Lease]:
    """What is left of the person's warm-up. Once all of it is answered, or no more is known, they are warmed up."""
    shown = dealer.session.scalar(
        select(func.count())
        .select_from(Lease)
        .join(Pair, Pair.id == Lease.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(
            Lease.user_id == dealer.user.id, Lease.purpose == Purpose.WARM_UP, Round.study_id == dealer.study.id
        )
    )  # fmt: skip
    known = _known(dealer, labeling, min(count, labeling.warm_up - (shown or 0)), _pairs(dealt))
    if not known and not any(lease.purpose is Purpose.WARM_UP for lease in dealt):
        dealer.part.warmed_up_at = func.now()
    return [_lease(dealer, k.pair_id, Purpose.WARM_UP, k.answer) for k in known]


def _in_round(dealer: Dealer, round_: Round, count: int, dealt: list[Lease]) -> list[Lease]:
    """New leases on pairs of the round, some of them on gold pairs and repeats instead; never instead of a pair that
    the person was shown before and comes back to."""
    labeling, asker = validated(round_.settings).labeling, dealer.hand.asker(round_)
    pairs = candidates.take(dealer.session, round_, asker, count, _pairs(dealt))
    taken = {pair.id for pair in pairs}
    found: list[Lease] = []
    for number, pair in enumerate(pairs):
        hidden = None
        if dealer.user.kind is UserKind.PERSON and pair.id not in asker.before:
            hidden = _hidden(dealer, labeling, number, taken | _pairs(dealt) | _pairs(found))
        found.append(hidden or _lease(dealer, pair.id, Purpose.COUNTED))
    return found


def _hidden(dealer: Dealer, labeling: LabelingSettings, number: int, without: set[int]) -> Lease | None:
    """A gold pair or a repeat, where the draw says so and there is one."""
    draw = fraction(f"purpose/{dealer.seed}/{number}")
    if draw < labeling.gold_share:
        known = _known(dealer, labeling, 1, without)
        return _lease(dealer, known[0].pair_id, Purpose.GOLD, known[0].answer) if known else None
    if draw < labeling.gold_share + labeling.repeat_share:
        pair_id = repeats.next_pair(
            dealer.session, study_id=dealer.study.id, user=dealer.user, without=without, seed=dealer.seed
        )
        return _lease(dealer, pair_id, Purpose.REPEAT) if pair_id is not None else None
    return None


def _known(dealer: Dealer, labeling: LabelingSettings, count: int, without: set[int]) -> list[gold.Known]:
    if count <= 0:
        return []
    return gold.unseen(
        dealer.session, study_id=dealer.study.id, user=dealer.user, offered=asking.answers_offered(labeling),
        count=count, without=without, seed=dealer.seed,
    )  # fmt: skip


def _lease(dealer: Dealer, pair_id: int, purpose: Purpose, expected: Answer | None = None) -> Lease:
    """The user's lease on the pair for this purpose; one that ran out is renewed in place."""
    values = {
        "pair": pair_id, "holder": dealer.user.id, "shown_as": purpose, "known": expected, "lease_time": lease_time(),
        "on_left": left_side(dealer.user.id, pair_id, purpose) == "first",
    }  # fmt: skip
    given = _given(purpose is Purpose.COUNTED)
    lease: Lease = dealer.session.scalars(given, values, execution_options={"populate_existing": True}).one()
    return lease


@cache
def _given(counted: bool) -> Any:
    until = func.now() + bindparam("lease_time", type_=Interval)
    lease = insert(Lease).values(
        pair_id=bindparam("pair"), user_id=bindparam("holder"), purpose=bindparam("shown_as"),
        first_on_left=bindparam("on_left"), expected=bindparam("known"), given_at=func.now(), expires_at=until,
    )  # fmt: skip
    renewed = lease.on_conflict_do_update(
        index_elements=["pair_id", "user_id"] if counted else ["user_id", "purpose", "pair_id"],
        index_where=text("purpose = 'counted'" if counted else "purpose <> 'counted'"),
        set_={name: lease.excluded[name] for name in ("given_at", "expires_at")},
    )
    return renewed.returning(Lease)


def _pairs(dealt: list[Lease]) -> set[int]:
    return {lease.pair_id for lease in dealt}
