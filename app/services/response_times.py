"""How long each person takes to answer, and which of their times stand out. Counted by the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.models import Choice, Lease, Pair, Purpose, Round
from app.services.measures import MAD_TO_DEVIATION, NOBODY_LOOKS_WITHIN_MS, OUTLYING, Mark, Pace

SHOWN = 60


@dataclass(frozen=True)
class Times:
    """How long answers took. `hasty` are too quick for anyone to have looked; `fast` and `slow` stand out among the
    person's own. `newest` are the last ones, in the order in which they were made, with what stands out."""

    median_ms: float
    hasty: int
    fast: int
    slow: int
    newest: Sequence[tuple[int, Mark]]


def of(session: Session, where: list[ColumnElement[bool]], people: list[int]) -> dict[int, Times]:
    """The people's times by user id, over the counted choices that `where` names; who gave none is not in it."""
    log = func.ln(func.greatest(Choice.response_ms, 1)).label("log")
    timed = [*where, Choice.response_ms.is_not(None), Lease.purpose == Purpose.COUNTED]
    each = made(timed, people, Choice.user_id, Choice.response_ms, log).cte("each")
    middle = (
        select(each.c.user_id, func.percentile_cont(0.5).within_group(each.c.log).label("centre"))
        .group_by(each.c.user_id)
        .cte("middle")
    )
    away = (each.c.log - middle.c.centre).label("away")
    spread = (
        select(middle.c.user_id, func.percentile_cont(0.5).within_group(func.abs(away)).label("deviation"))
        .join(each, each.c.user_id == middle.c.user_id)
        .group_by(middle.c.user_id)
        .cte("spread")
    )
    hasty = each.c.response_ms < NOBODY_LOOKS_WITHIN_MS
    outlying = ~hasty & (spread.c.deviation > 0) & (MAD_TO_DEVIATION * func.abs(away) > OUTLYING * spread.c.deviation)
    rows = session.execute(
        select(
            each.c.user_id,
            func.min(middle.c.centre),
            func.min(spread.c.deviation),
            func.count().filter(hasty),
            func.count().filter(outlying & (away < 0)),
            func.count().filter(outlying & (away > 0)),
        )
        .join(middle, middle.c.user_id == each.c.user_id)
        .join(spread, spread.c.user_id == each.c.user_id)
        .group_by(each.c.user_id)
    )
    newest = _newest(session, timed, people)
    found = {}
    for user_id, centre, deviation, hasty_ones, fast, slow in rows:
        pace = Pace(float(centre), float(deviation))
        marked = [(ms, pace.mark(ms)) for ms in newest[user_id]]
        found[user_id] = Times(pace.median_ms, hasty_ones, fast, slow, marked)
    return found


def made(where: list[ColumnElement[bool]], people: list[int], *columns: Any) -> Any:
    """A query over these people's standing choices, joined to their leases."""
    return (
        select(*columns)
        .select_from(Choice)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(Choice.user_id.in_(people), Choice.undone_at.is_(None), *where)
    )


def _newest(session: Session, timed: list[ColumnElement[bool]], people: list[int]) -> dict[int, list[int]]:
    """The last response times of each person, oldest first."""
    nth = func.row_number().over(partition_by=Choice.user_id, order_by=Choice.id.desc()).label("nth")
    each = made(timed, people, Choice.user_id, Choice.response_ms, nth).subquery()
    newest: dict[int, list[int]] = {}
    for user_id, ms in session.execute(
        select(each.c.user_id, each.c.response_ms).where(each.c.nth <= SHOWN).order_by(each.c.nth.desc())
    ):
        newest.setdefault(user_id, []).append(ms)
    return newest
