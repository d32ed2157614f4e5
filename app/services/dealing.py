"""Who gets which pair: leases on pairs, dealt a few ahead.

No two people are given the last open place of a pair: its row is locked while its places are counted and a lease is
written. Running out of a lease is a comparison here, never a clean-up.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Interval, exists, func, literal, select, update
from sqlalchemy.orm import Session

from app.models import (
    Choice,
    Group,
    Hold,
    Lease,
    Pair,
    PairState,
    Prompt,
    Purpose,
    Round,
    RoundKind,
    RoundState,
    Sample,
    User,
)
from app.services import chunks, evaluation, preferences, studies
from app.settings import get_settings
from app.study_settings import LabelingSettings, validated

Side = Literal["first", "second"]
Reason = Literal["done", "held", "paused"]
MOST_AHEAD = 5


@dataclass(frozen=True)
class DealtPair:
    """One pair as one annotator sees it. `left` says which of its samples stands on the left."""

    pair_id: int
    lease_id: int
    prompt: str
    left: Side
    first_id: int
    second_id: int
    width: int
    height: int
    answers: list[str]
    expires_at: datetime


@dataclass(frozen=True)
class Deal:
    """The caller's pairs. Where there are none, `reason` says why; none while more are being drawn."""

    pairs: list[DealtPair]
    reason: Reason | None
    until: datetime | None


def deal(session: Session, *, study_id: int, user: User, count: int) -> Deal:
    """The user's live leases in this study first, then new ones, `count` in all: asked twice, the same pairs."""
    studies.get(session, study_id)
    count = max(1, min(count, MOST_AHEAD))
    open_rounds = list(
        session.scalars(
            select(Round).where(
                Round.study_id == study_id, Round.state.in_((RoundState.GENERATING, RoundState.LABELING))
            )
        )
    )
    running = [r for r in open_rounds if r.hold == Hold.NONE]
    leases = _live_leases(session, user, running)[:count]
    for round_ in _in_turn(session, running, user):
        if len(leases) < count:
            leases += _new_leases(session, round_, user, count - len(leases), without={x.pair_id for x in leases})
    if leases:
        return Deal(_shown(session, leases, {r.id: validated(r.settings).labeling for r in running}), None, None)
    if open_rounds and not running:
        return Deal([], "paused", None)
    if any(_more_to_come(session, round_) for round_ in running):
        return Deal([], None, None)
    until = _held_until(session, running, user)
    return Deal([], "held" if until else "done", until)


def renew(session: Session, *, user: User, lease_ids: list[int]) -> datetime:
    """Keep the user's leases for another while; those that ran out meanwhile stay as they are. Says until when."""
    until: datetime = session.execute(select(func.now() + lease_time())).scalar_one()
    session.execute(
        update(Lease)
        .where(Lease.id.in_(lease_ids), Lease.user_id == user.id, Lease.expires_at > func.now())
        .values(expires_at=until)
    )
    return until


def give_back(session: Session, *, user: User, lease_ids: list[int], until: datetime | None = None) -> None:
    """End the user's leases now, so that others can have the pairs.

    `until` is when they run out as far as the page that gives them back knows: a lease that runs longer was shown or
    renewed by another page since (the same one after a reload, overtaking this call), and stays.
    """
    known = [Lease.expires_at <= until] if until else []
    session.execute(
        update(Lease)
        .where(Lease.id.in_(lease_ids), Lease.user_id == user.id, Lease.expires_at > func.now(), *known)
        .values(expires_at=func.now())
    )


def left_side(user_id: int, pair_id: int, purpose: Purpose) -> Side:
    """Which sample stands on the left: a hash of annotator, pair and purpose, so a reload shows the same."""
    seen_as = Purpose.COUNTED if purpose == Purpose.REPEAT else purpose
    bit = hashlib.sha256(f"side/{user_id}/{pair_id}/{seen_as}".encode()).digest()[0] & 1
    if purpose == Purpose.REPEAT:
        bit ^= 1  # a hidden repeat shows the other side
    return "first" if bit else "second"


def answers_offered(labeling: LabelingSettings) -> list[str]:
    """The answers that the study lets annotators give, in the order in which they are shown."""
    optional = {"tie": labeling.allow_tie, "both_bad": labeling.allow_both_bad, "skip": labeling.allow_skip}
    return ["first", "second", *(answer for answer, offered in optional.items() if offered)]


def _in_turn(session: Session, running: list[Round], user: User) -> list[Round]:
    """The rounds to deal from, in order: by the study's share, drawn anew after each lease the user was given."""
    preference = [r for r in running if r.kind == RoundKind.PREFERENCE]
    comparisons = [r for r in running if r.kind == RoundKind.EVALUATION]
    if not preference or not comparisons:
        return running
    share = validated(preference[0].settings).labeling.evaluation_share
    given = session.scalar(select(func.max(Lease.id)).where(Lease.user_id == user.id)) or 0
    draw = hashlib.sha256(f"turn/{user.id}/{given}".encode()).digest()[0] / 256
    return [*comparisons, *preference] if draw < share else [*preference, *comparisons]


def _live_leases(session: Session, user: User, running: list[Round]) -> list[Lease]:
    return list(
        session.scalars(
            select(Lease)
            .join(Pair, Pair.id == Lease.pair_id)
            .where(
                Lease.user_id == user.id,
                Lease.expires_at > func.now(),
                Pair.round_id.in_([r.id for r in running]),
                Pair.state != PairState.VOID,
                ~_answered(Lease.id),
            )
            .order_by(Lease.given_at, Lease.id)
        )
    )


def _new_leases(session: Session, round_: Round, user: User, count: int, without: set[int]) -> list[Lease]:
    labeling = validated(round_.settings).labeling
    counts = preferences.counts_for(labeling, user.kind)
    mine = (
        select(Lease.id)
        .join(Choice, Choice.lease_id == Lease.id)
        .where(Lease.pair_id == Pair.id, Lease.user_id == user.id, Choice.undone_at.is_(None))
    )
    candidates = (
        select(Pair)
        .where(Pair.round_id == round_.id, Pair.id.not_in(without), ~exists(mine))
        .order_by(Pair.filled.desc(), Pair.id)
        .limit(count)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if counts:
        free = Pair.filled + _places_held(user) < labeling.choices_per_pair
        candidates = candidates.where(Pair.state == PairState.OPEN, free)
    else:
        candidates = candidates.where(Pair.state != PairState.VOID)
    leases = []
    for pair in session.scalars(candidates).all():
        # counted again under the lock: another's lease may have been written since the query began
        held = session.scalar(select(_places_held(user)).where(Pair.id == pair.id)) or 0
        if not counts or (pair.state == PairState.OPEN and pair.filled + held < labeling.choices_per_pair):
            leases.append(_lease(session, pair, user))
    return leases


def _places_held(user: User):  # type: ignore[no-untyped-def]  # a scalar subquery, correlated to Pair
    """How many places of a pair are held by other people's live leases."""
    return (
        select(func.count())
        .select_from(Lease)
        .join(User, User.id == Lease.user_id)
        .where(
            Lease.pair_id == Pair.id,
            Lease.user_id != user.id,
            Lease.purpose == Purpose.COUNTED,
            Lease.expires_at > func.now(),
            User.kind == user.kind,
            ~_answered(Lease.id),
        )
        .correlate(Pair)
        .scalar_subquery()
    )


def _answered(lease_id):  # type: ignore[no-untyped-def]  # an EXISTS clause, correlated to the lease
    return exists(select(Choice.id).where(Choice.lease_id == lease_id, Choice.undone_at.is_(None)))


def _lease(session: Session, pair: Pair, user: User) -> Lease:
    """A counted lease on a locked pair; one that ran out is renewed in place."""
    lease = session.scalars(
        select(Lease).where(Lease.pair_id == pair.id, Lease.user_id == user.id, Lease.purpose == Purpose.COUNTED)
    ).one_or_none()
    if lease is None:
        side = left_side(user.id, pair.id, Purpose.COUNTED)
        lease = Lease(pair_id=pair.id, user_id=user.id, purpose=Purpose.COUNTED, first_on_left=side == "first")
        session.add(lease)
    lease.given_at = func.now()
    lease.expires_at = func.now() + lease_time()
    session.flush()
    session.refresh(lease)
    return lease


def lease_time():  # type: ignore[no-untyped-def]  # an SQL interval
    return literal(timedelta(seconds=get_settings().pair_lease_seconds), Interval)


def _shown(session: Session, leases: list[Lease], labeling: dict[int, LabelingSettings]) -> list[DealtPair]:
    rows = {
        pair.id: (pair, prompt, width, height)
        for pair, prompt, width, height in session.execute(
            select(Pair, Prompt.text, Sample.width, Sample.height)
            .join(Group, Group.id == Pair.group_id)
            .join(Prompt, Prompt.id == Group.prompt_id)
            .join(Sample, Sample.id == Pair.first_id)
            .where(Pair.id.in_([lease.pair_id for lease in leases]))
        )
    }
    dealt = []
    for lease in leases:
        pair, prompt, width, height = rows[lease.pair_id]
        dealt.append(
            DealtPair(
                pair_id=pair.id, lease_id=lease.id, prompt=prompt, left="first" if lease.first_on_left else "second",
                first_id=pair.first_id, second_id=pair.second_id, width=width, height=height,
                answers=answers_offered(labeling[pair.round_id]), expires_at=lease.expires_at,
            )
        )  # fmt: skip
    return dealt


def _more_to_come(session: Session, round_: Round) -> bool:
    if round_.kind == RoundKind.EVALUATION:
        return evaluation.unfinished(session, round_)
    return chunks.unfinished(session, round_.id)


def _held_until(session: Session, running: list[Round], user: User) -> datetime | None:
    """When the first of the leases runs out by which others hold the pairs that this user could still answer."""
    mine = select(Choice.pair_id).where(Choice.user_id == user.id, Choice.undone_at.is_(None))
    return session.scalar(
        select(func.min(Lease.expires_at))
        .join(Pair, Pair.id == Lease.pair_id)
        .where(
            Pair.round_id.in_([r.id for r in running]),
            Pair.state == PairState.OPEN,
            Pair.id.not_in(mine),
            Lease.user_id != user.id,
            Lease.purpose == Purpose.COUNTED,
            Lease.expires_at > func.now(),
            ~_answered(Lease.id),
        )
    )
