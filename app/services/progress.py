"""How far someone is: in each study that is open to them, today, and how many days in a row. Read-only, few queries.

A day is one of the person's own time zone, which the caller knows. Undone choices count nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import Date, DateTime, column, exists, func, select, values
from sqlalchemy.orm import Session

from app.models import Choice, Lease, Pair, Purpose, Round, User
from app.services import admission, waiting

PACE_OF = 60  # choices
FEWEST_GAPS = 5
PAUSE = timedelta(minutes=2)  # a longer gap is no time spent on a pair
WINDOW = 64  # days looked at in one query


@dataclass(frozen=True)
class StudyProgress:
    """One study: the pairs of its open rounds that this person answered and that are left for them, with the time
    that these take at their own pace (none before the pace is known, or with nothing left)."""

    id: int
    name: str
    question: str
    answered: int
    left: int
    seconds_left: float | None

    @property
    def total(self) -> int:
        return self.answered + self.left


@dataclass(frozen=True)
class Day:
    """`choices` made today, and how many days in a row had any: up to today, or to yesterday while today has none."""

    choices: int
    streak: int


def of_studies(session: Session, user: User) -> list[StudyProgress]:
    """The studies that are open to `user`, where most waits first.

    Those are all that are not archived and that `admission` opens to them.
    """
    answered, seconds, only = _answered(session, user), pace(session, user), admission.opened(session, user)
    return [
        StudyProgress(
            study.id, study.name, study.question, answered.get(study.id, 0), study.pairs,
            seconds * study.pairs if seconds and study.pairs else None,
        )
        for study in waiting.for_user(session, user)
        if only is None or study.id in only
    ]  # fmt: skip


def pace(session: Session, user: User) -> float | None:
    """Seconds that a choice takes this person: the median gap between their newest ones, longer pauses left out."""
    made = session.scalars(
        select(Choice.made_at)
        .where(Choice.user_id == user.id, Choice.undone_at.is_(None))
        .order_by(Choice.made_at.desc())
        .limit(PACE_OF)
    ).all()
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(made)]
    gaps = [gap for gap in gaps if gap < PAUSE.total_seconds()]
    return median(gaps) if len(gaps) >= FEWEST_GAPS else None


def day(session: Session, user: User, *, zone: ZoneInfo, now: datetime) -> Day:
    """Today and the streak, as of `now` (aware)."""
    today = now.astimezone(zone).date()
    start, end = _bounds(today, zone)
    made = session.scalar(
        select(func.count()).select_from(Choice).where(
            Choice.user_id == user.id, Choice.made_at >= start, Choice.made_at < end, Choice.undone_at.is_(None)
        )
    )  # fmt: skip
    before = _streak(session, user, zone, today - timedelta(days=1))
    return Day(made or 0, before + bool(made))


def _streak(session: Session, user: User, zone: ZoneInfo, last: date) -> int:
    """How many days in a row up to `last` had a choice: one look into the index a day, in windows."""
    streak = 0
    while True:
        days = [last - timedelta(days=streak + back) for back in range(WINDOW)]
        worked = _worked_on(session, user, zone, days)
        row = next((place for place, one in enumerate(days) if one not in worked), WINDOW)
        streak += row
        if row < WINDOW:
            return streak


def _worked_on(session: Session, user: User, zone: ZoneInfo, days: Sequence[date]) -> set[date]:
    """Those of the days on which a choice was made that stands."""
    asked = values(
        column("day", Date), column("start", DateTime(timezone=True)), column("end", DateTime(timezone=True)),
        name="days",
    ).data([(one, *_bounds(one, zone)) for one in days])  # fmt: skip
    made = exists().where(
        Choice.user_id == user.id,
        Choice.made_at >= asked.c.start,
        Choice.made_at < asked.c.end,
        Choice.undone_at.is_(None),
    )
    return set(session.scalars(select(asked.c.day).where(made)))


def _bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When the day begins and ends; days on which clocks are changed are longer or shorter."""
    start, end = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    return start, end


def _answered(session: Session, user: User) -> dict[int, int]:
    """How many counted pairs of its open rounds the user answered, by study."""
    rows = session.execute(
        select(Round.study_id, func.count())
        .select_from(Choice)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(
            Choice.user_id == user.id,
            Choice.undone_at.is_(None),
            Lease.purpose == Purpose.COUNTED,
            Round.state.in_(waiting.DEALT_IN),
        )
        .group_by(Round.study_id)
    )
    return dict(rows.all())
