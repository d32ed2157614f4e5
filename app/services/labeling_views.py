"""How the labeling of a round goes: what is closed, how fast, who is here, and what they cannot finish alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Interval, and_, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from app.models import Choice, Lease, Pair, PairState, Participation, Purpose, RoundState, User, UserKind
from app.services import preferences
from app.services.round_views import RoundHead

PRESENT = timedelta(minutes=5)
PACE = timedelta(minutes=10)


@dataclass(frozen=True)
class Present:
    """Someone who labels now, and how many choices of theirs stand in this round."""

    name: str
    is_judge: bool
    choices: int


@dataclass(frozen=True)
class Shortfall:
    """So many open pairs need so many more people than are here now."""

    pairs: int
    people: int


@dataclass(frozen=True)
class Labeling:
    """How far labeling is. `per_hour` is the pace of the last ten minutes, `places_left` the choices still wanted.

    `pairs` are all that are drawn. `pairs_void` of them lost a picture, and `pairs_alike` were left out since their
    pictures look the same; these are not among those planned.
    """

    pairs: int
    pairs_planned: int
    pairs_closed: int
    pairs_void: int
    pairs_alike: int
    choices: int
    answers: dict[str, int]
    places_left: int
    per_hour: int
    present: Sequence[Present]
    shortfalls: Sequence[Shortfall]

    @property
    def seconds_left(self) -> float | None:
        return self.places_left * 3600 / self.per_hour if self.per_hour else None


def labeling(session: Session, shown: RoundHead) -> Labeling:
    """How labeling goes, from the rows themselves: a page that is watched is not to lag behind the clicks."""
    round_id, study_id, places = shown.line.id, shown.line.study_id, shown.settings.labeling.choices_per_pair
    pairs, closed, void, alike, open_left = session.execute(
        select(
            func.count(),
            func.count().filter(Pair.state == PairState.CLOSED),
            func.count().filter(Pair.state == PairState.VOID),
            func.count().filter(Pair.alike),
            func.coalesce(func.sum(places - Pair.filled).filter(Pair.state == PairState.OPEN), 0),
        ).where(Pair.round_id == round_id)
    ).one()
    said = answers(session, round_id, study_id)
    in_all = max(shown.line.pairs_planned + shown.line.pairs_alike, pairs)
    undrawn = in_all - pairs if shown.line.is_open else 0
    return Labeling(
        pairs=pairs,
        pairs_planned=in_all - alike,
        pairs_closed=closed,
        pairs_void=void - alike,
        pairs_alike=alike,
        choices=sum(said.values()),
        answers=said,
        places_left=int(open_left) + undrawn * places,
        per_hour=_pace(session, round_id),
        present=_present(session, round_id, study_id),
        shortfalls=_shortfalls(session, shown) if shown.line.state is RoundState.LABELING else (),
    )


def answers(session: Session, round_id: int, study_id: int) -> dict[str, int]:
    """How often each answer stands in the round, by those who are not left out; gold and repeats are no answers."""
    rows = session.execute(
        select(Choice.answer, func.count())
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Lease, Lease.id == Choice.lease_id)
        .where(
            Pair.round_id == round_id,
            Choice.undone_at.is_(None),
            Lease.purpose == Purpose.COUNTED,
            ~preferences.left_out(study_id, Choice.user_id),
        )
        .group_by(Choice.answer)
    )
    return {answer.value: count for answer, count in rows}


def _pace(session: Session, round_id: int) -> int:
    """Choices an hour, by the last ten minutes."""
    made = session.scalar(
        select(func.count())
        .select_from(Choice)
        .join(Pair, Pair.id == Choice.pair_id)
        .where(
            Pair.round_id == round_id, Choice.undone_at.is_(None), Choice.made_at > func.now() - _interval(PACE)
        )
    )  # fmt: skip
    return int((made or 0) * timedelta(hours=1) / PACE)


def _is_present(round_id: int, study_id: int) -> ColumnElement[bool]:
    """Whether a user holds a live lease in the round, or answered in it within the last five minutes; whoever is paused
    or left out is not here to answer."""
    holding = (
        select(Lease.user_id)
        .join(Pair, Pair.id == Lease.pair_id)
        .where(Pair.round_id == round_id, Lease.expires_at > func.now())
    )
    answered = (
        select(Choice.user_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .where(Pair.round_id == round_id, Choice.made_at > func.now() - _interval(PRESENT))
    )
    kept_out = exists().where(
        Participation.study_id == study_id,
        Participation.user_id == User.id,
        or_(Participation.paused_at.is_not(None), Participation.left_out_at.is_not(None)),
    )
    return User.id.in_(holding.union(answered)) & ~kept_out


def _present(session: Session, round_id: int, study_id: int) -> list[Present]:
    standing = (
        select(func.count())
        .select_from(Choice)
        .join(Pair, Pair.id == Choice.pair_id)
        .where(Pair.round_id == round_id, Choice.user_id == User.id, Choice.undone_at.is_(None))
        .scalar_subquery()
    )
    rows = session.execute(
        select(User.display_name, User.kind, standing)
        .where(_is_present(round_id, study_id))
        .order_by(standing.desc(), User.id)
    )
    return [Present(name, kind is UserKind.JUDGE, count) for name, kind, count in rows]


def _shortfalls(session: Session, shown: RoundHead) -> list[Shortfall]:
    """Open pairs that those who are here now cannot close, since nobody answers a pair twice; none while nobody is."""
    kinds = preferences.COUNTED_KINDS[shown.settings.labeling.counted]
    present = set(
        session.scalars(select(User.id).where(_is_present(shown.line.id, shown.line.study_id), User.kind.in_(kinds)))
    )
    if not present:
        return []
    answered = func.count(Choice.user_id.distinct())
    missing = shown.settings.labeling.choices_per_pair - Pair.filled - (len(present) - answered)
    per_pair = (
        select(missing.label("people"))
        .outerjoin(
            Choice, and_(Choice.pair_id == Pair.id, Choice.user_id.in_(present), Choice.undone_at.is_(None))
        )
        .where(Pair.round_id == shown.line.id, Pair.state == PairState.OPEN)
        .group_by(Pair.id)
        .having(missing > 0)
        .subquery()
    )  # fmt: skip
    rows = session.execute(
        select(func.count(), per_pair.c.people).group_by(per_pair.c.people).order_by(per_pair.c.people)
    )
    return [Shortfall(pairs, people) for pairs, people in rows]


def _interval(span: timedelta) -> Any:
    return literal(span, Interval)
