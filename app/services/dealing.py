"""Who gets which pair: leases on pairs, dealt a few ahead.

No two people are given the last open place of a pair: its row is locked while its places are counted and a lease is
written. Running out of a lease is a comparison here, never a clean-up. A person's own requests go one after the other,
so two tabs are given the same pairs.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session, aliased

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
    Sample,
    Study,
    User,
)
from app.models.base import ids
from app.services import asking, chunks, evaluation_rounds, leasing, participations, places, studies
from app.services.pictures import Picture
from app.services.places import lease_time
from app.services.sides import Side
from app.study_settings import validated

Reason = Literal["done", "held", "paused"]
MOST_AHEAD = 5


@dataclass(frozen=True)
class DealtPair:
    """One pair as one annotator sees it. `left` says which of its samples stands on the left."""

    pair_id: int
    lease_id: int
    prompt: str
    left: Side
    first: Picture
    second: Picture
    answers: list[str]
    expires_at: datetime
    warm_up: bool


@dataclass(frozen=True)
class Deal:
    """The caller's pairs. Where there are none, `reason` says why; none while more are being drawn.

    With `by_name` it is not the study that is paused but the caller in it; `message` is what an admin says about it.
    """

    pairs: list[DealtPair]
    reason: Reason | None = None
    until: datetime | None = None
    by_name: bool = False
    message: str | None = None


def deal(session: Session, *, study_id: int, user: User, count: int) -> Deal:
    """The user's live leases in this study first, then new ones, `count` in all: asked twice, the same pairs."""
    study = studies.get(session, study_id)
    part = participations.locked(session, study_id=study_id, user=user)
    if part.paused_at is not None or part.left_out_at is not None:
        return Deal([], "paused", by_name=True, message=part.paused_reason)
    open_rounds = asking.open_rounds(session, study_id)
    running = [round_ for round_ in open_rounds if round_.hold is Hold.NONE]
    if not running:
        return Deal([], "paused" if open_rounds else "done")
    leases = leasing.leases(session, study, part, user, running, max(1, min(count, MOST_AHEAD)))
    if leases:
        return Deal(_shown(session, leases, study, running))
    if any(_more_to_come(session, round_) for round_ in running):
        return Deal([])
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


def _shown(session: Session, leases: list[Lease], study: Study, running: list[Round]) -> list[DealtPair]:
    found = session.execute(_with_pictures(), {"pairs": [lease.pair_id for lease in leases]})
    rows = {row.id: row for row in found}
    asked = {round_.id: validated(round_.settings).labeling for round_ in running}
    dealt = []
    for lease in leases:
        row = rows[lease.pair_id]
        labeling = asked[row.round_id] if lease.purpose is Purpose.COUNTED else asking.asked_now(study, running)
        dealt.append(
            DealtPair(
                pair_id=row.id, lease_id=lease.id, prompt=row.prompt,
                left="first" if lease.first_on_left else "second",
                first=Picture(row.first_id, row.first_key, row.width, row.height),
                second=Picture(row.second_id, row.second_key, row.width, row.height),
                answers=asking.answers_offered(labeling), expires_at=lease.expires_at,
                warm_up=lease.purpose is Purpose.WARM_UP,
            )
        )  # fmt: skip
    return dealt


@cache
def _with_pictures() -> Any:
    first, second = aliased(Sample), aliased(Sample)
    return (
        select(
            Pair.id, Pair.round_id, Pair.first_id, Pair.second_id, Prompt.text.label("prompt"),
            first.width, first.height,
            first.webp_key.label("first_key"), second.webp_key.label("second_key"),
        )
        .join(Group, Group.id == Pair.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .where(Pair.id == func.any(ids("pairs")))
    )  # fmt: skip


def _more_to_come(session: Session, round_: Round) -> bool:
    if round_.kind == RoundKind.EVALUATION:
        return evaluation_rounds.unfinished(session, round_)
    return chunks.unfinished(session, round_.id)


def _held_until(session: Session, running: list[Round], user: User) -> datetime | None:
    """When the first of the leases runs out by which others hold the pairs that this user could still answer."""
    mine = exists().where(Choice.pair_id == Pair.id, Choice.user_id == user.id, Choice.undone_at.is_(None))
    return session.scalar(
        select(func.min(Lease.expires_at))
        .join(Pair, Pair.id == Lease.pair_id)
        .where(
            Pair.round_id.in_([r.id for r in running]),
            Pair.state == PairState.OPEN,
            ~mine,
            Lease.user_id != user.id,
            Lease.purpose == Purpose.COUNTED,
            Lease.expires_at > func.now(),
            ~places.answered(Lease.id),
        )
    )
