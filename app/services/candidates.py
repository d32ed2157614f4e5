"""Which open pairs of a round come next for one person: those closest to completion first, at a bounded cost.

A round may hold a million pairs, and a person may have answered many of the open ones already, which all stand in front
since they are the fullest. So each level of fullness is looked at in a few places only: onwards from where the person
is, then from its beginning. Everyone begins at a place of their own, so that people do not crowd around the same pairs.
Only where all that finds nothing are all open pairs looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.models import Choice, Pair, PairState, Round, User
from app.services import places, preferences
from app.services.draws import fraction
from app.study_settings import LabelingSettings, validated

LOOKED_AT = 100
MOST_LEVELS = 4


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
    found: list[Pair] = []
    for pairs in _windows(session, round_, asker, labeling):
        if len(found) >= count:
            return found
        known = without | {pair.id for pair in found}
        ids = _fitting(session, pairs, asker.user, labeling, count - len(found), known)
        found += _locked(session, ids, asker.user, labeling, wait=False)
    if found:
        return found
    ids = _fitting(session, _all(round_, asker.user, labeling), asker.user, labeling, count, without)
    return _locked(session, ids, asker.user, labeling, wait=True)


def _windows(session: Session, round_: Round, asker: Asker, labeling: LabelingSettings) -> Iterator[type[Pair]]:
    """Bounded parts of the round's pairs, in the order in which they are to be given."""
    if asker.before:
        yield _part(select(Pair).where(Pair.id.in_(asker.before), Pair.round_id == round_.id))
    if not preferences.counts_for(labeling, asker.user.kind):
        return
    levels = _levels(session, round_, labeling)
    place = asker.place
    if place is None and levels:
        place = _first_place(session, round_, asker.user, levels[-1])
    for level in [*levels[:MOST_LEVELS], *levels[MOST_LEVELS:][-1:]]:
        on_level = _open(round_).where(Pair.filled == level).limit(LOOKED_AT)
        yield _part(on_level.where(Pair.id > place))
        yield _part(on_level.where(Pair.id <= place))


def _fitting(
    session: Session, pairs: type[Pair], user: User, labeling: LabelingSettings, count: int, without: set[int]
) -> list[int]:
    """Ids of up to `count` pairs of the part that can be given to the user, the fullest first."""
    return list(
        session.scalars(
            select(pairs.id)
            .where(pairs.id.not_in(without), *_fits(pairs, user, labeling))
            .order_by(pairs.filled.desc(), pairs.id)
            .limit(count)
        )
    )


def _locked(session: Session, ids: list[int], user: User, labeling: LabelingSettings, *, wait: bool) -> list[Pair]:
    """Those of the pairs that still fit once they are locked: what was seen before that may have changed."""
    if not ids:
        return []
    rows = select(Pair.id).where(Pair.id.in_(ids)).order_by(Pair.id)
    locked = session.scalars(rows.with_for_update(key_share=True, skip_locked=not wait)).all()
    again = select(Pair).where(Pair.id.in_(locked), *_fits(Pair, user, labeling))
    fitting = {pair.id: pair for pair in session.scalars(again.execution_options(populate_existing=True))}
    return [fitting[pair_id] for pair_id in ids if pair_id in fitting]


def _fits(pairs: type[Pair], user: User, labeling: LabelingSettings) -> list[ColumnElement[bool]]:
    """Whether a pair can be given to the user. Whoever fills no places needs none: a closed pair will do."""
    answered = exists().where(Choice.pair_id == pairs.id, Choice.user_id == user.id, Choice.undone_at.is_(None))
    if preferences.counts_for(labeling, user.kind):
        return [~answered, places.has_place(user, labeling, pairs)]
    return [~answered, pairs.state != PairState.VOID]


def _levels(session: Session, round_: Round, labeling: LabelingSettings) -> list[int]:
    """How full the round's open pairs are: the numbers of filled places that occur, the fullest first.

    Each is one step down the index of open pairs, however many pairs stand between.
    """
    fullest = select(func.max(Pair.filled)).where(Pair.round_id == round_.id, Pair.state == PairState.OPEN)
    levels = select(fullest.where(Pair.filled < labeling.choices_per_pair).scalar_subquery().label("level"))
    found = levels.cte(recursive=True)
    below = fullest.where(Pair.filled < found.c.level).scalar_subquery()
    found = found.union_all(select(below).where(found.c.level.is_not(None)))
    return list(session.scalars(select(found.c.level).where(found.c.level.is_not(None)).order_by(found.c.level.desc())))


def _first_place(session: Session, round_: Round, user: User, level: int) -> int:
    """Where someone begins who has no place in the round yet: anywhere among the pairs of this level, or at the
    beginning where they are few."""
    ends = select(func.min(Pair.id), func.max(Pair.id)).where(
        Pair.round_id == round_.id, Pair.state == PairState.OPEN, Pair.filled == level
    )
    first, last = session.execute(ends).one()
    if first is None or last - first < LOOKED_AT:
        return 0
    return first + round(fraction(f"place/{user.id}/{round_.id}") * (last - first))


def _open(round_: Round) -> Select[Pair]:
    return (
        select(Pair)
        .where(Pair.round_id == round_.id, Pair.state == PairState.OPEN)
        .order_by(Pair.filled.desc(), Pair.id)
    )


def _all(round_: Round, user: User, labeling: LabelingSettings) -> type[Pair]:
    counts = preferences.counts_for(labeling, user.kind)
    return _part(_open(round_) if counts else select(Pair).where(Pair.round_id == round_.id))


def _part(query: Select[Pair]) -> type[Pair]:
    return aliased(Pair, query.subquery())
