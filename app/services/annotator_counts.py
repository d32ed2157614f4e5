"""What annotators said, as numbers that can be added up: counted from choices, and read from tallies over rounds.

All of it is of choices that stand. Gold and repeats tell how someone works without counting themselves.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, Interval, RowMapping, Select, cast, func, literal, select
from sqlalchemy.orm import Session, aliased

from app.models import AnnotatorSpread, AnnotatorTally, Answer, Choice, Lease, Pair, Purpose, Round
from app.models.base import ids
from app.services import agreement
from app.services.agreement import Beside

BREAK = timedelta(minutes=5)
SIDES = (Answer.FIRST, Answer.SECOND)
TIMES = 100  # newest response times of one person that are kept of one round
ROUNDS = 5  # of them newest that are looked at for someone's times


@dataclass(frozen=True)
class Numbers:
    """One person's numbers; `app.models.AnnotatorTally` says what each is."""

    standing: int = 0
    choices: int = 0
    first: int = 0
    second: int = 0
    tie: int = 0
    both_bad: int = 0
    skip: int = 0
    extra: int = 0
    late: int = 0
    sided: int = 0
    on_left: int = 0
    gold: int = 0
    right: int = 0
    repeats: int = 0
    same: int = 0
    same_side: int = 0
    gaps: int = 0
    gap_seconds: float = 0.0
    compared: int = 0
    agreed: float = 0.0
    last_at: datetime | None = None


@dataclass(frozen=True)
class Spread:
    """What cannot be added up: newest response times, oldest first, and what stands beside their own answers."""

    times: Sequence[int] = ()
    beside: Beside = field(default_factory=Counter)


SUMS = tuple(one.name for one in fields(Numbers) if one.name != "last_at")


def count(
    session: Session, where: Sequence[ColumnElement[bool]], people: Sequence[int], *, times: int = TIMES
) -> dict[int, tuple[Numbers, Spread]]:
    """The numbers of these people over the choices that `where` says of `Choice`, `Lease`, `Pair` and `Round`, by user
    id; who said nothing is not in it. Five queries."""
    found = _tallies(session, where, people)
    gaps, again = _gaps(session, where, people), _repeats(session, where, people)
    newest, beside = _newest_times(session, where, people, times), agreement.beside(session, people, *where)
    numbers = {}
    for user_id, tally in found.items():
        agreed, compared = agreement.sums(beside.get(user_id, Counter()))
        more: dict[str, Any] = {**tally, **gaps.get(user_id, {}), **again.get(user_id, {})}
        spread = Spread(newest.get(user_id, ()), beside.get(user_id, Counter()))
        numbers[user_id] = (Numbers(**more, agreed=agreed, compared=compared), spread)
    return numbers


def stored(session: Session, study_id: int, *, round_id: int | None = None) -> dict[int, Numbers]:
    """Everyone's numbers in the study, or in one round of it, by user id, as last counted. One query."""
    sums = [cast(func.sum(getattr(AnnotatorTally, name)), Float).label(name) for name in SUMS]
    query = (
        select(AnnotatorTally.user_id, *sums, func.max(AnnotatorTally.last_at).label("last_at"))
        .where(AnnotatorTally.study_id == study_id)
        .group_by(AnnotatorTally.user_id)
    )
    if round_id is not None:
        query = query.where(AnnotatorTally.round_id == round_id)
    return {row["user_id"]: _numbers(row) for row in session.execute(query).mappings()}


def stored_times(
    session: Session, study_id: int, people: Sequence[int], *, round_id: int | None = None
) -> dict[int, list[int]]:
    """Response times in their newest rounds, by user id, oldest first. One query: a few looks into an index each."""
    asked = select(func.unnest(ids("people")).label("user_id")).subquery("asked")
    newest = (
        select(AnnotatorTally.round_id)
        .where(AnnotatorTally.study_id == study_id, AnnotatorTally.user_id == asked.c.user_id)
        .order_by(AnnotatorTally.round_id.desc())
        .limit(ROUNDS)
    )
    if round_id is not None:
        newest = newest.where(AnnotatorTally.round_id == round_id)
    of_each = newest.lateral("newest")
    rows = session.execute(
        select(asked.c.user_id, AnnotatorSpread.times)
        .join_from(asked, of_each, literal(True))
        .join(
            AnnotatorSpread,
            (AnnotatorSpread.round_id == of_each.c.round_id) & (AnnotatorSpread.user_id == asked.c.user_id),
        )
        .order_by(AnnotatorSpread.round_id),
        {"people": list(people)},
    )
    found: dict[int, list[int]] = {}
    for user_id, times in rows:
        found.setdefault(user_id, []).extend(times)
    return found


def _numbers(row: RowMapping) -> Numbers:
    floats = {"gap_seconds", "agreed"}
    return Numbers(**{name: row[name] if name in floats else int(row[name]) for name in SUMS}, last_at=row["last_at"])


def made(where: Sequence[ColumnElement[bool]], people: Sequence[int], *columns: Any) -> Select[Any]:
    """A query over these people's standing choices, joined to their leases, pairs and rounds."""
    return (
        select(*columns)
        .select_from(Choice)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(Choice.user_id.in_(people), Choice.undone_at.is_(None), *where)
    )


def _tallies(
    session: Session, where: Sequence[ColumnElement[bool]], people: Sequence[int]
) -> dict[int, dict[str, Any]]:
    counted, sided = Lease.purpose == Purpose.COUNTED, Choice.answer.in_(SIDES)
    on_left = (Choice.answer == Answer.FIRST) == Lease.first_on_left
    gold = (Lease.purpose == Purpose.GOLD) & (Choice.answer != Answer.SKIP)
    filters: dict[str, ColumnElement[bool]] = {
        "choices": counted,
        "extra": counted & Choice.extra,
        "late": counted & Choice.late,
        "on_left": counted & sided & on_left,
        "sided": counted & sided,
        "right": gold & (Choice.answer == Lease.expected),
        "gold": gold,
        **{answer.value: counted & (Choice.answer == answer) for answer in Answer},
    }
    counts = [func.count().filter(condition).label(name) for name, condition in filters.items()]
    last = func.max(Choice.made_at).label("last_at")
    query = made(where, people, Choice.user_id, func.count().label("standing"), last, *counts)
    rows = session.execute(query.group_by(Choice.user_id)).mappings()
    return {row["user_id"]: {name: row[name] for name in row if name != "user_id"} for row in rows}


def _gaps(session: Session, where: Sequence[ColumnElement[bool]], people: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The times between two choices; those longer than a break are left out."""
    before = func.lag(Choice.made_at).over(partition_by=Choice.user_id, order_by=Choice.made_at)
    gaps = made(where, people, Choice.user_id, (Choice.made_at - before).label("gap")).subquery()
    seconds = cast(func.sum(func.extract("epoch", gaps.c.gap)), Float)
    rows = session.execute(
        select(gaps.c.user_id, func.count(), seconds)
        .where(gaps.c.gap <= literal(BREAK, Interval))
        .group_by(gaps.c.user_id)
    )
    return {user_id: {"gaps": count, "gap_seconds": seconds} for user_id, count, seconds in rows}


def _repeats(
    session: Session, where: Sequence[ColumnElement[bool]], people: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Hidden repeats beside the person's first answer on the same pair."""
    first_lease, first = aliased(Lease), aliased(Choice)
    same = Choice.answer == first.answer
    both_sided = Choice.answer.in_(SIDES) & first.answer.in_(SIDES)
    query = made(
        where, people, Choice.user_id,
        func.count().label("repeats"), func.count().filter(same).label("same"),
        func.count().filter(~same & both_sided).label("same_side"),
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
    ).mappings()
    return {row["user_id"]: {name: row[name] for name in row if name != "user_id"} for row in rows}


def _newest_times(
    session: Session, where: Sequence[ColumnElement[bool]], people: Sequence[int], limit: int
) -> dict[int, list[int]]:
    """The last response times of each person on counted pairs, oldest first."""
    timed = [*where, Choice.response_ms.is_not(None), Lease.purpose == Purpose.COUNTED]
    nth = func.row_number().over(partition_by=Choice.user_id, order_by=Choice.id.desc()).label("nth")
    each = made(timed, people, Choice.user_id, Choice.response_ms, nth).subquery()
    newest: dict[int, list[int]] = {}
    for user_id, ms in session.execute(
        select(each.c.user_id, each.c.response_ms).where(each.c.nth <= limit).order_by(each.c.nth.desc())
    ):
        newest.setdefault(user_id, []).append(ms)
    return newest
