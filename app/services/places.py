"""The places of pairs: which choices fill them, who holds them, and whether a pair is open or closed by it.

A pair's counts are never moved up and down: every change counts its choices anew, so that choices, undos, people left
out and settings that changed meanwhile cannot leave them wrong.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Interval, Update, case, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.models import Answer, Choice, Lease, Pair, PairState, Purpose, Round, RoundState, User
from app.services import preferences
from app.settings import get_settings
from app.study_settings import LabelingSettings, validated

SKIPS_THAT_CLOSE = 3
ASKED_IN = (RoundState.GENERATING, RoundState.LABELING)


def recount(session: Session, round_: Round, which: ColumnElement[bool]) -> None:
    """Count the choices of these pairs of the round anew; while choices are asked for, close and open them by it.

    The pairs' rows are locked by it to the transaction's end.
    """
    session.execute(_recounted(round_, which), execution_options={"synchronize_session": "fetch"})


def free(session: Session, pair_ids: list[int], user: User, labeling: LabelingSettings) -> set[int]:
    """Those of the pairs that have a place for the user: open, and not filled by the choices and leases of others."""
    query = select(Pair.id).where(Pair.id.in_(pair_ids), has_place(user, labeling))
    return set(session.scalars(query))


def has_place(user: User, labeling: LabelingSettings, pairs: type[Pair] = Pair) -> ColumnElement[bool]:
    """Whether a pair (of `pairs`, where the query reads them under another name) has a place for the user."""
    return (pairs.state == PairState.OPEN) & (pairs.filled + _held_by_others(user, pairs) < labeling.choices_per_pair)


def answered(lease_id: Any) -> ColumnElement[bool]:
    """Whether a choice stands on the lease."""
    return exists().where(Choice.lease_id == lease_id, Choice.undone_at.is_(None))


def lease_time() -> Any:
    """How long a lease lasts, as an SQL interval."""
    return literal(timedelta(seconds=get_settings().pair_lease_seconds), Interval)


def _held_by_others(user: User, pairs: type[Pair]) -> Any:
    """How many places of a pair other people's live leases hold; those of a kind that fills none hold none."""
    return (
        select(func.count())
        .select_from(Lease)
        .join(User, User.id == Lease.user_id)
        .where(
            Lease.pair_id == pairs.id,
            Lease.user_id != user.id,
            Lease.purpose == Purpose.COUNTED,
            Lease.expires_at > func.now(),
            User.kind == user.kind,
            ~answered(Lease.id),
        )
        .correlate(pairs)
        .scalar_subquery()
    )


def _recounted(round_: Round, which: ColumnElement[bool]) -> Update:
    labeling = validated(round_.settings).labeling
    said = preferences.speaking(round_, labeling).where(which).with_only_columns(Choice.pair_id, Choice.answer)
    answers = said.subquery()
    skip = answers.c.answer == Answer.SKIP
    counts = (
        select(
            Pair.id,
            func.count(answers.c.answer).filter(~skip).label("filled"),
            func.count(answers.c.answer).filter(skip).label("skipped"),
        )
        .outerjoin(answers, answers.c.pair_id == Pair.id)
        .where(Pair.round_id == round_.id, which)
        .group_by(Pair.id)
        .subquery()
    )
    values: dict[str, Any] = {"filled": counts.c.filled, "skipped": counts.c.skipped}
    if round_.state in ASKED_IN:
        full = or_(counts.c.filled >= labeling.choices_per_pair, counts.c.skipped >= SKIPS_THAT_CLOSE)
        closed_at = case((full, func.coalesce(Pair.closed_at, func.now())))
        void = Pair.state == PairState.VOID
        values |= {
            "state": case((void, Pair.state), (full, PairState.CLOSED.value), else_=PairState.OPEN.value),
            "closed_at": case((void, Pair.closed_at), else_=closed_at),
        }
    return update(Pair).where(Pair.id == counts.c.id).values(values)
