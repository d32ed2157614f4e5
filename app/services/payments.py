"""The payments sheet: what each person did on each day, for how long, and what that comes to.

**Active time.** Someone's answers, in all studies together, form sittings: a gap of more than five minutes ends one.
An answer's time is the gap since the answer before it; the first of a sitting takes the time for which its pair was
shown, as the browser measured it, but no longer than since it was dealt and than five minutes. Answers that were
undone took their time, too. So breaks cost nothing, whoever works in two tabs is at work once, and no browser's word is
worth more than a pause. Time belongs to the answer's own study, and to the day on which it was made. All of it is kept
by quarters of an hour (`work`), of which a sheet adds up its days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Numeric,
    Subquery,
    case,
    cast,
    distinct,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Invite, InviteUse, User, UserKind, WorkQuarter
from app.services import preferences, studies, work

LONGEST = timedelta(days=3660)
NOTHING = Decimal(0)
MOST_PAID = Decimal(100_000)
OURS = (User.kind == UserKind.PERSON, User.import_id.is_(None))  # who did the work here


@dataclass(frozen=True)
class Wanted:
    """Days (both ends included) as `zone` has them, of one study or of all; what a choice and an hour are paid."""

    since: date
    until: date
    zone: ZoneInfo
    study_id: int | None = None
    per_choice: Decimal = NOTHING
    per_hour: Decimal = NOTHING

    @property
    def is_paid(self) -> bool:
        return self.per_choice > 0 or self.per_hour > 0


@dataclass(frozen=True)
class Line:
    """One person's day. `choices` are answers that stand, with a pair's warm-ups, tests and repeats and without skips;
    `counted` of them speak for their pairs; `pairs` are those that are no repeats. `minutes` have two decimals, and
    `amount` follows from what is shown."""

    user_id: int
    name: str
    participant: str
    day: date
    choices: int
    counted: int
    skipped: int
    pairs: int
    minutes: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Totals:
    """All lines of a sheet together."""

    people: int
    choices: int
    counted: int
    minutes: Decimal
    amount: Decimal


def check(session: Session, wanted: Wanted) -> None:
    """Raises `BadInput` that names the fields at fault, and `NotFound` for a study that is not there. What was answered
    since the last count is counted first, so that a sheet made now has all of it."""
    faults = {}
    if wanted.until < wanted.since:
        faults["until"] = "not before the first day"
    elif wanted.until - wanted.since > LONGEST:
        faults["until"] = "ten years at most"
    for name in ("per_choice", "per_hour"):
        if not 0 <= getattr(wanted, name) <= MOST_PAID:
            faults[name] = f"0 to {MOST_PAID}"
    if faults:
        named = "; ".join(f"{name}: {problem}" for name, problem in faults.items())
        raise BadInput(f"This sheet cannot be made. {named}.", fields=faults)
    if wanted.study_id is not None:
        studies.get(session, wanted.study_id)
    work.catch_up(session)


def lines(
    session: Session, wanted: Wanted, *, after: int = 0, people: int = 100
) -> tuple[Sequence[Line], int | None]:  # fmt: skip
    """The days of the next `people` persons beyond the user id `after`, by person and day; and the last one's id where
    there are more. Two queries."""
    ids = session.scalars(_people(wanted, after).limit(people + 1)).all()
    days = _days(wanted, ids[:people])
    rows = session.execute(
        select(*days.c, User.display_name, _participants(wanted))
        .join(User, User.id == days.c.user_id)
        .order_by(days.c.user_id, days.c.day)
    ).mappings()
    found = [
        Line(
            row["user_id"], row["display_name"], row["participants"] or "", row["day"], row["choices"], row["counted"],
            row["skipped"], row["pairs"], row["minutes"], row["amount"],
        )
        for row in rows
    ]  # fmt: skip
    return found, ids[people - 1] if len(ids) > people else None


def totals(session: Session, wanted: Wanted) -> Totals:
    """What the whole sheet comes to: the sum of its lines, to the cent."""
    days = _days(wanted, None)
    row = session.execute(
        select(
            func.count(distinct(days.c.user_id)),
            *(func.coalesce(func.sum(days.c[name]), 0) for name in ("choices", "counted", "minutes", "amount")),
        )
    ).one()
    people, choices, counted, minutes, amount = row
    return Totals(people, int(choices), int(counted), Decimal(minutes), Decimal(amount))


def _days(wanted: Wanted, people: Sequence[int] | None) -> Subquery:
    """A row for each person and day with any answer, undone ones included."""
    day = cast(func.timezone(wanted.zone.key, WorkQuarter.quarter), Date).label("day")
    counts = case((preferences.left_out(WorkQuarter.study_id, WorkQuarter.user_id), 0), else_=WorkQuarter.counted)
    sums = {
        "choices": WorkQuarter.choices,
        "counted": counts,
        "skipped": WorkQuarter.skipped,
        "pairs": WorkQuarter.choices - WorkQuarter.repeats,
    }
    query = (
        select(
            WorkQuarter.user_id,
            day,
            *(cast(func.sum(value), BigInteger).label(name) for name, value in sums.items()),
            func.round(func.sum(WorkQuarter.seconds) / 60, 2).label("minutes"),
        )
        .join(User, User.id == WorkQuarter.user_id)
        .where(*_within(wanted), *OURS)
        .group_by(WorkQuarter.user_id, day)
    )
    days = (query if people is None else query.where(WorkQuarter.user_id.in_(people))).subquery()
    paid = days.c.choices * _number(wanted.per_choice) + days.c.minutes * _number(wanted.per_hour) / 60
    return select(days, func.round(paid, 2).label("amount")).subquery()


def _people(wanted: Wanted, after: int) -> Any:
    """The ids of people who answered within the days."""
    answered = exists().where(WorkQuarter.user_id == User.id, *_within(wanted))
    return select(User.id).where(*OURS, User.id > after, answered).order_by(User.id)


def _within(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Days begin and end with a quarter of an hour in every time zone."""
    days = [WorkQuarter.quarter >= _start(wanted), WorkQuarter.quarter < _end(wanted)]
    return days if wanted.study_id is None else [*days, WorkQuarter.study_id == wanted.study_id]


def _participants(wanted: Wanted) -> Any:
    """The ids by which outside panels know a person: of invites to the study where one is asked for."""
    known = select(func.string_agg(distinct(InviteUse.participant), ", ")).where(InviteUse.user_id == User.id)
    if wanted.study_id is not None:
        known = known.where(InviteUse.invite_id.in_(select(Invite.id).where(Invite.study_id == wanted.study_id)))
    return known.correlate(User).scalar_subquery().label("participants")


def _start(wanted: Wanted) -> datetime:
    return datetime.combine(wanted.since, time(), wanted.zone)


def _end(wanted: Wanted) -> datetime:
    return datetime.combine(wanted.until + timedelta(days=1), time(), wanted.zone)


def _number(value: Decimal) -> Any:
    return literal(value, Numeric)
