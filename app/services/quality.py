"""How good the labels of a study are, by annotator. Read-only; a fixed number of queries, however many people.

Figures are of choices that stand. Gold and repeats tell how someone works without counting themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, Interval, cast, func, literal, select
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Lease, Participation, Purpose, Round, RoundKind, User, UserKind
from app.services import agreement, response_times, studies
from app.services.agreement import Alpha, WithOthers
from app.services.measures import Share
from app.services.response_times import Times, made

BREAK = timedelta(minutes=5)
UNTOLD = timedelta(minutes=10)
SIDES = (Answer.FIRST, Answer.SECOND)


@dataclass(frozen=True)
class Counts:
    """An annotator's counted choices, by answer; `extra` came to full pairs, `late` after the freeze."""

    choices: int
    answers: dict[str, int]
    extra: int
    late: int


@dataclass(frozen=True)
class Repeats:
    """Hidden repeats, which show the sides exchanged: answered the same; the same side of the screen, so another
    picture; or otherwise differently (a tie before, a picture now)."""

    same: int
    same_side: int
    otherwise: int

    @property
    def consistent(self) -> Share:
        return Share(self.same, self.same + self.same_side + self.otherwise)


@dataclass(frozen=True)
class Annotator:
    """One person's (or judge's) numbers in a study. `per_hour` leaves breaks out; `left` is the share of answers for a
    picture that named the left one; none of what was never measured."""

    user_id: int
    name: str
    is_judge: bool
    counts: Counts
    per_hour: float | None
    times: Times | None
    gold: Share
    repeats: Repeats
    left: Share
    others: WithOthers | None
    last_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """Whether someone is paused in the study (by its own rule, where nobody paused them) or left out of it."""

    paused_at: datetime | None
    paused_reason: str | None
    paused_by: str | None
    left_out_at: datetime | None


@dataclass(frozen=True)
class Quality:
    """A study's annotators, who chose most first, each with where they stand, and how far they agree."""

    alpha: Alpha
    annotators: Sequence[tuple[Annotator, Standing]]


def of_study(session: Session, study_id: int, *, round_id: int | None = None) -> Quality:
    """Everyone's numbers in the study, or in one round of it. Raises `NotFound`."""
    studies.get(session, study_id)
    where = _scope(study_id, round_id)
    standings = _standings(session, study_id)
    found = _annotators(session, where, list(standings))
    ordered = sorted(found, key=lambda annotator: (-annotator.counts.choices, annotator.user_id))
    return Quality(agreement.alpha(session, *where), [(a, standings[a.user_id]) for a in ordered])


def standing(session: Session, study_id: int, user_id: int) -> Standing:
    """Where someone stands who takes part."""
    return _standings(session, study_id)[user_id]


def rounds_of(session: Session, study_id: int) -> list[tuple[int, RoundKind, int]]:
    """The study's rounds to choose from, newest first: id, kind and number."""
    query = select(Round.id, Round.kind, Round.number).where(Round.study_id == study_id).order_by(Round.id.desc())
    return [(round_id, kind, number) for round_id, kind, number in session.execute(query)]


def of_person(session: Session, study_id: int, user: User) -> Annotator:
    """One person's own numbers in the study, for themselves. Raises `NotFound`.

    Without their answers of the last minutes: figures that move with a single answer would tell which pair was gold.
    """
    studies.get(session, study_id)
    settled = Choice.made_at < func.now() - literal(UNTOLD, Interval)
    return _annotators(session, [*_scope(study_id, None), settled], [user.id])[0]


def _scope(study_id: int, round_id: int | None) -> list[ColumnElement[bool]]:
    return [Round.study_id == study_id, *([Round.id == round_id] if round_id is not None else [])]


def _annotators(session: Session, where: list[ColumnElement[bool]], people: list[int]) -> list[Annotator]:
    users = session.scalars(select(User).where(User.id.in_(people))).all()
    tallies, hourly = _tallies(session, where, people), _per_hour(session, where, people)
    times, repeats = response_times.of(session, where, people), _repeats(session, where, people)
    others = agreement.with_others(session, people, *where)
    return [
        Annotator(
            user_id=user.id,
            name=user.display_name,
            is_judge=user.kind is UserKind.JUDGE,
            per_hour=hourly.get(user.id),
            times=times.get(user.id),
            repeats=repeats.get(user.id, Repeats(0, 0, 0)),
            others=others.get(user.id),
            **tallies.get(user.id, NOTHING),
        )
        for user in users
    ]


NOTHING: dict[str, Any] = {
    "counts": Counts(0, {}, 0, 0), "gold": Share(0, 0), "left": Share(0, 0), "last_at": None,
}  # fmt: skip


def _standings(session: Session, study_id: int) -> dict[int, Standing]:
    """Where everyone stands who ever opened the study, by user id."""
    by = aliased(User)
    rows = session.execute(
        select(Participation, by.display_name)
        .outerjoin(by, by.id == Participation.paused_by_id)
        .where(Participation.study_id == study_id)
        .execution_options(populate_existing=True)
    )
    return {p.user_id: Standing(p.paused_at, p.paused_reason, name, p.left_out_at) for p, name in rows}


def _tallies(session: Session, where: list[ColumnElement[bool]], people: list[int]) -> dict[int, dict[str, Any]]:
    counted, sided = Lease.purpose == Purpose.COUNTED, Choice.answer.in_(SIDES)
    on_left = (Choice.answer == Answer.FIRST) == Lease.first_on_left
    gold = (Lease.purpose == Purpose.GOLD) & (Choice.answer != Answer.SKIP)
    filters = {
        "choices": counted,
        "extra": counted & Choice.extra,
        "late": counted & Choice.late,
        "left": counted & sided & on_left,
        "sided": counted & sided,
        "right": gold & (Choice.answer == Lease.expected),
        "gold": gold,
        **{answer.value: counted & (Choice.answer == answer) for answer in Answer},
    }
    counts = [func.count().filter(condition).label(name) for name, condition in filters.items()]
    query = made(where, people, Choice.user_id, func.max(Choice.made_at).label("last_at"), *counts)
    return {
        row.user_id: {
            "counts": Counts(
                row.choices,
                {a.value: row._mapping[a.value] for a in Answer if row._mapping[a.value]},
                row.extra,
                row.late,
            ),
            "gold": Share(row.right, row.gold),
            "left": Share(row.left, row.sided),
            "last_at": row.last_at,
        }
        for row in session.execute(query.group_by(Choice.user_id))
    }


def _per_hour(session: Session, where: list[ColumnElement[bool]], people: list[int]) -> dict[int, float]:
    """Choices an hour while at work: times between two choices, those longer than a break left out."""
    before = func.lag(Choice.made_at).over(partition_by=Choice.user_id, order_by=Choice.made_at)
    gaps = made(where, people, Choice.user_id, (Choice.made_at - before).label("gap")).subquery()
    seconds = func.sum(func.extract("epoch", gaps.c.gap))
    rows = session.execute(
        select(gaps.c.user_id, cast(func.count() * 3600 / func.nullif(seconds, 0), Float))
        .where(gaps.c.gap <= literal(BREAK, Interval))
        .group_by(gaps.c.user_id)
    )
    return {user_id: per_hour for user_id, per_hour in rows if per_hour is not None}


def _repeats(session: Session, where: list[ColumnElement[bool]], people: list[int]) -> dict[int, Repeats]:
    first_lease, first = aliased(Lease), aliased(Choice)
    same = Choice.answer == first.answer
    both_sided = Choice.answer.in_(SIDES) & first.answer.in_(SIDES)
    query = made(
        where, people, Choice.user_id,
        func.count().filter(same), func.count().filter(~same & both_sided), func.count().filter(~same & ~both_sided),
    )  # fmt: skip
    rows = session.execute(
        query.join(
            first_lease,
            (first_lease.pair_id == Lease.pair_id)
            & (first_lease.user_id == Lease.user_id)
            & (first_lease.purpose == Purpose.COUNTED),
        )
        .join(first, (first.lease_id == first_lease.id) & first.undone_at.is_(None))
        .where(Lease.purpose == Purpose.REPEAT, Choice.answer != Answer.SKIP, first.answer != Answer.SKIP)
        .group_by(Choice.user_id)
    )
    return {row[0]: Repeats(*row[1:]) for row in rows}
