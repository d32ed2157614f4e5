"""Which open pairs of a round come next for one person: those closest to completion first, at a bounded cost.

A round may hold a million pairs, and a person may have answered many of the open ones already, which all stand in front
since they are the fullest. So each level of fullness is looked at in a few places only: onwards from where the person
is, then from its beginning. Everyone begins at a place of their own, so that people do not crowd around the same pairs.
Only where all that finds nothing are all open pairs looked at.

It is asked with every answer, so its statements are built once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    Subquery,
    bindparam,
    cast,
    func,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from app.models import Choice, Pair, PairState, Round, User
from app.models.base import Json, fixed, ids
from app.services import places, preferences
from app.services.draws import fraction
from app.study_settings import validated

LOOKED_AT = 100
MOST_LEVELS = 4
SPARE = 8  # pairs found beyond those asked for: others may be locking the first ones
OPEN = Pair.state == fixed(PairState.OPEN, Pair.state)


@dataclass(frozen=True)
class Asker:
    """Someone who asks for pairs of a round: `before` are pairs they were shown and have not answered, which come first
    again; `place` is the last pair they were shown there."""

    user: User
    before: list[int]
    place: int | None


def take(session: Session, round_: Round, asker: Asker, count: int, without: set[int]) -> list[Pair]:
    """Up to `count` pairs, locked, each with a place for the asker, none answered by them.

    Rows that others have locked are passed over. Before nothing is found they are waited for, since a choice that is
    being stored may leave a place.
    """
    labeling = validated(round_.settings).labeling
    counts = preferences.counts_for(labeling, asker.user.kind)
    asked: Json = {
        **places.asked_by(asker.user, labeling), "in_round": round_.id, "before": asker.before, "count": count,
        "without": list(without),
    }  # fmt: skip
    if counts:
        place = _first_place(session, round_, asker.user) if asker.place is None else asker.place
        near = session.scalars(_near(), {**asked, "place": place}).all()
        if found := _still_fitting(session, near, asked, counts):
            return found
    anywhere = session.scalars(_anywhere(counts), asked).all()
    session.execute(_waited_for(), {"pairs": anywhere})
    return _still_fitting(session, anywhere, asked, counts)


def _still_fitting(session: Session, locked: Sequence[int], asked: Json, counts: bool) -> list[Pair]:
    """Those of the locked pairs that still fit: what was seen before they were locked may have changed."""
    if not locked:
        return []
    rows = session.scalars(_fitting(counts), {**asked, "pairs": locked}, execution_options={"populate_existing": True})
    fitting = {pair.id: pair for pair in rows}
    return [fitting[pair_id] for pair_id in locked if pair_id in fitting]


def _first_place(session: Session, round_: Round, user: User) -> int:
    """Where someone begins who has no place in the round yet: anywhere among the emptiest pairs, or at the beginning
    where they are few."""
    first, last = session.execute(_ends_of_the_emptiest(), {"in_round": round_.id}).one()
    if first is None or last - first < LOOKED_AT:
        return 0
    return first + round(fraction(f"place/{user.id}/{round_.id}") * (last - first))


@cache
def _near() -> Select[Any]:
    """Ids of up to `count` pairs near the asker, in the order in which they are to be given, locked unless others have
    them locked. A row of the windows is looked at only once those before it do not suffice."""
    numbered = select(_windows().c.id, func.row_number().over().label("number")).limit(bindparam("count") + SPARE)
    found = numbered.subquery("found")
    return (
        select(Pair.id)
        .join(found, found.c.id == Pair.id)
        .order_by(found.c.number)
        .limit(bindparam("count"))
        .with_for_update(of=Pair, key_share=True, skip_locked=True)
    )


def _windows() -> Subquery:
    """Bounded parts of the round's open pairs that fit: what the asker was shown before, then the levels of fullness,
    each onwards from the asker's place and then up to it."""
    before = _fitting_ids(_looked_at().where(Pair.id == func.any(ids("before"))))
    levels = _levels()
    # rows are compared, and both columns ordered by, so that no plan but the one along the index of open pairs will do
    here, place = tuple_(Pair.filled, Pair.id), tuple_(levels.c.level, bindparam("place"))
    on_level = _looked_at().where(OPEN).order_by(Pair.filled, Pair.id).limit(LOOKED_AT)
    parts = [
        on_level.where(here > place, Pair.filled <= levels.c.level),
        on_level.where(here <= place, Pair.filled >= levels.c.level),
    ]
    onwards, up_to = (_fitting_ids(part.correlate(levels)) for part in parts)
    part = union_all(onwards, up_to).lateral("part")
    emptiest = select(func.min(Pair.filled)).where(_in_round(), OPEN).scalar_subquery()
    near = or_(levels.c.number <= MOST_LEVELS, levels.c.level == emptiest)
    on_levels = select(part.c.id).select_from(levels).join(part, true()).where(levels.c.level.is_not(None), near)
    every: CompoundSelect[Any] = union_all(before, on_levels)
    return every.subquery("windows")


def _looked_at() -> Select[int, PairState, int]:
    """The columns that `_fits` reads, of the round's pairs."""
    return select(Pair.id, Pair.state, Pair.filled).where(_in_round())


def _fitting_ids(part: Select[int, PairState, int]) -> Select[int]:
    pairs = aliased(Pair, part.subquery())
    return select(pairs.id).where(pairs.id != func.all(ids("without")), *_fits(pairs, counts=True))


@cache
def _anywhere(counts: bool) -> Select[Any]:
    """Ids of up to `count` pairs of the whole round that can be given to the asker."""
    found = select(Pair.id).where(_in_round(), Pair.id != func.all(ids("without")), *_fits(Pair, counts=counts))
    if counts:
        return found.where(OPEN).order_by(Pair.filled.desc(), Pair.id.desc()).limit(bindparam("count"))
    return found.order_by((Pair.id == func.any(ids("before"))).desc(), Pair.id).limit(bindparam("count"))


@cache
def _waited_for() -> Select[Any]:
    """Locks these pairs, however long others hold them."""
    pairs = select(Pair.id).where(Pair.id == func.any(ids("pairs"))).order_by(Pair.id)
    return pairs.with_for_update(key_share=True)


@cache
def _fitting(counts: bool) -> Select[Any]:
    return select(Pair).where(Pair.id == func.any(ids("pairs")), *_fits(Pair, counts=counts))


def _fits(pairs: type[Pair], *, counts: bool) -> list[ColumnElement[bool]]:
    """Whether a pair can be given to the asker. Whoever fills no places needs none: a closed pair will do.

    What is asked of each pair is a query of its own, never a join, which would read all that anyone ever answered.
    """
    theirs = select(func.count()).where(
        Choice.pair_id == pairs.id, Choice.user_id == bindparam("asker_id"), Choice.undone_at.is_(None)
    )
    return [theirs.scalar_subquery() == 0, places.has_place(pairs) if counts else pairs.state != PairState.VOID]


def _levels() -> Any:
    """How full the round's open pairs are: the numbers of filled places that occur, the fullest first.

    Each is one step down the index of open pairs, however many pairs stand between.
    """
    fullest = select(func.max(Pair.filled)).where(_in_round(), OPEN)
    first = select(
        fullest.where(Pair.filled < bindparam("choices_per_pair")).scalar_subquery().label("level"),
        cast(1, BigInteger).label("number"),
    )
    levels = first.cte("levels", recursive=True)
    below = fullest.where(Pair.filled < levels.c.level).scalar_subquery()
    return levels.union_all(select(below, levels.c.number + 1).where(levels.c.level.is_not(None)))


@cache
def _ends_of_the_emptiest() -> Select[int, int]:
    emptiest = select(func.min(Pair.filled)).where(_in_round(), OPEN).scalar_subquery()
    return select(func.min(Pair.id), func.max(Pair.id)).where(_in_round(), OPEN, Pair.filled == emptiest)


def _in_round() -> ColumnElement[bool]:
    return Pair.round_id == bindparam("in_round")
