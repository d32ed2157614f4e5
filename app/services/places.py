"""The places of pairs: which choices fill them, who holds them, and whether a pair is open or closed by it.

A pair's counts are never moved up and down: every change counts its choices anew, so that choices, undos, people left
out and settings that changed meanwhile cannot leave them wrong.
"""

from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Update, bindparam, case, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.models import Answer, Choice, Lease, Pair, PairState, Purpose, Round, RoundState, User
from app.models.base import Json, fixed, ids
from app.services import preferences
from app.settings import get_settings
from app.study_settings import LabelingSettings, validated

SKIPS_THAT_CLOSE = 3
ASKED_IN = (RoundState.GENERATING, RoundState.LABELING)


def recount(session: Session, round_: Round, which: ColumnElement[bool]) -> None:
    """Count the choices of these pairs of the round anew; while choices are asked for, close and open them by it.

    The pairs' rows are locked by it to the transaction's end.
    """
    session.execute(
        _recounted(which, round_.state in ASKED_IN), _of(round_), execution_options={"synchronize_session": "fetch"}
    )


def recount_one(session: Session, round_: Round, pair_id: int) -> None:
    """`recount` of one pair."""
    recounted = _recounted_one(round_.state in ASKED_IN)
    session.execute(recounted, {**_of(round_), "pair": pair_id}, execution_options={"synchronize_session": "fetch"})


def free(session: Session, pair_ids: list[int], user: User, labeling: LabelingSettings) -> set[int]:
    """Those of the pairs that have a place for the user: open, and not filled by the choices and leases of others."""
    return set(session.scalars(_free(), {**asked_by(user, labeling), "pairs": pair_ids}))


def has_place(pairs: type[Pair] = Pair) -> ColumnElement[bool]:
    """Whether a pair (of `pairs`, where the query reads them under another name) has a place for whom `asked_by`
    names when the statement is executed."""
    is_open = pairs.state == fixed(PairState.OPEN, Pair.state)
    return is_open & (pairs.filled + _held_by_others(pairs) < bindparam("choices_per_pair"))


def asked_by(user: User, labeling: LabelingSettings) -> Json:
    """The parameters of `has_place`."""
    return {"asker_id": user.id, "asker_kind": user.kind, "choices_per_pair": labeling.choices_per_pair}


def answered(lease_id: Any) -> ColumnElement[bool]:
    """Whether a choice stands on the lease."""
    return exists().where(Choice.lease_id == lease_id, Choice.undone_at.is_(None))


def lease_time() -> timedelta:
    """How long a lease lasts."""
    return timedelta(seconds=get_settings().pair_lease_seconds)


@cache
def _free() -> Any:
    return select(Pair.id).where(Pair.id == func.any(ids("pairs")), has_place())


def _held_by_others(pairs: type[Pair]) -> Any:
    """How many places of a pair other people's live leases hold; those of a kind that fills none hold none."""
    return (
        select(func.count())
        .select_from(Lease)
        .join(User, User.id == Lease.user_id)
        .where(
            Lease.pair_id == pairs.id,
            Lease.user_id != bindparam("asker_id"),
            Lease.purpose == fixed(Purpose.COUNTED, Lease.purpose),
            Lease.expires_at > func.now(),
            User.kind == bindparam("asker_kind"),
            ~answered(Lease.id),
        )
        .correlate(pairs)
        .scalar_subquery()
    )


def _of(round_: Round) -> Json:
    """The parameters of a recount."""
    labeling = validated(round_.settings).labeling
    return {
        "in_round": round_.id, "of_study": round_.study_id, "kinds": preferences.COUNTED_KINDS[labeling.counted],
        "choices_per_pair": labeling.choices_per_pair,
    }  # fmt: skip


@cache
def _recounted_one(asked: bool) -> Update:
    return _recounted(Pair.id == bindparam("pair"), asked)


def _recounted(which: ColumnElement[bool], asked: bool) -> Update:
    """`asked`: whether the round asks for choices, so that the counts close and open its pairs."""
    kinds: BindParameter[Any] = bindparam("kinds", expanding=True)
    speaking = preferences.speaking_in(Pair.round_id == bindparam("in_round"), bindparam("of_study"), kinds)
    answers = speaking.where(which).with_only_columns(Choice.pair_id, Choice.answer).subquery()
    skip = answers.c.answer == Answer.SKIP
    counts = (
        select(
            Pair.id,
            func.count(answers.c.answer).filter(~skip).label("filled"),
            func.count(answers.c.answer).filter(skip).label("skipped"),
        )
        .outerjoin(answers, answers.c.pair_id == Pair.id)
        .where(Pair.round_id == bindparam("in_round"), which)
        .group_by(Pair.id)
        .subquery()
    )
    values: dict[str, Any] = {"filled": counts.c.filled, "skipped": counts.c.skipped}
    if asked:
        full = or_(counts.c.filled >= bindparam("choices_per_pair"), counts.c.skipped >= SKIPS_THAT_CLOSE)
        closed_at = case((full, func.coalesce(Pair.closed_at, func.now())))
        void = Pair.state == PairState.VOID
        values |= {
            "state": case((void, Pair.state), (full, PairState.CLOSED.value), else_=PairState.OPEN.value),
            "closed_at": case((void, Pair.closed_at), else_=closed_at),
        }
    return update(Pair).where(Pair.id == counts.c.id).values(values)
