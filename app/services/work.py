"""Work by quarters of an hour: counted from answers once there are new ones, or some were undone.

The sweep counts once a minute, and a payments sheet counts what is new before it is made, so that none is missing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Interval, Subquery, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Answer, Choice, Lease, Pair, Purpose, Round, WorkQuarter
from app.services.annotator_counts import BREAK
from app.services.locks import Lock, exclusive

QUARTER = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATE = timedelta(seconds=10)  # an answer is stored by a transaction that may have begun so long ago
EVERY = timedelta(minutes=1)
MEASURED = ("choices", "counted", "repeats", "skipped", "seconds", "counted_at")


def is_due(session: Session) -> bool:
    """Whether the last count is so long ago that the sweep should count."""
    last = session.scalar(select(func.max(WorkQuarter.counted_at)))
    return last is None or session.scalars(select(func.now() - literal(EVERY, Interval) > last)).one()


def catch_up(session: Session) -> None:
    """Count the quarters in which anything was answered or undone since the last count; one at a time does it."""
    exclusive(session, Lock.WORK)
    last = session.scalar(select(func.max(WorkQuarter.counted_at)))
    since = last - LATE if last is not None else EPOCH
    made = insert(WorkQuarter).from_select(["user_id", "quarter", "study_id", *MEASURED], _counted(_touched(since)))
    changed = {name: made.excluded[name] for name in MEASURED}
    session.execute(made.on_conflict_do_update(index_elements=WorkQuarter.__table__.primary_key, set_=changed))


def _touched(since: datetime) -> Subquery:
    """Whose quarters have to be counted."""
    quarter = _quarter(Choice.made_at).label("quarter")
    changed = or_(Choice.made_at > since, Choice.undone_at > since)
    return select(Choice.user_id, quarter).where(changed).distinct().subquery("touched")


def _counted(touched: Subquery) -> Any:
    """Work in these quarters, by study."""
    each = _answers(touched)
    stands = each.c.undone_at.is_(None)
    is_choice = stands & (each.c.answer != Answer.SKIP)
    return select(
        each.c.user_id,
        each.c.quarter,
        each.c.study_id,
        func.count().filter(is_choice),
        func.count().filter(is_choice & (each.c.purpose == Purpose.COUNTED)),
        func.count().filter(is_choice & (each.c.purpose == Purpose.REPEAT)),
        func.count().filter(stands & (each.c.answer == Answer.SKIP)),
        func.sum(each.c.seconds),
        func.now(),
    ).where(each.c.made_at >= each.c.quarter).group_by(each.c.user_id, each.c.quarter, each.c.study_id)  # fmt: skip


def _answers(touched: Subquery) -> Subquery:
    """Every answer in the quarters, and in the pause before each, with the seconds that it took."""
    longest = literal(BREAK, Interval)
    quarter = touched.c.quarter
    gap = Choice.made_at - func.lag(Choice.made_at).over(
        partition_by=(Choice.user_id, quarter), order_by=(Choice.made_at, Choice.id)
    )
    shown = func.coalesce(Choice.response_ms, 0) * literal(timedelta(milliseconds=1), Interval)
    first = func.greatest(func.least(shown, Choice.made_at - Lease.given_at, longest), literal(timedelta(), Interval))
    return (
        select(
            Choice.user_id, quarter, Choice.answer, Choice.made_at, Choice.undone_at, Lease.purpose, Round.study_id,
            func.extract("epoch", case((gap <= longest, gap), else_=first)).label("seconds"),
        )
        .select_from(touched)
        .join(
            Choice,
            (Choice.user_id == touched.c.user_id)
            & (Choice.made_at >= quarter - longest)
            & (Choice.made_at < quarter + literal(QUARTER, Interval)),
        )
        .join(Lease, Lease.id == Choice.lease_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .subquery("answers")
    )  # fmt: skip


def _quarter(at: Any) -> Any:
    return func.date_bin(literal(QUARTER, Interval), at, literal(EPOCH))
