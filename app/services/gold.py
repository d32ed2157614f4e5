"""Known answers: pairs whose better picture is known, so that they can be shown as gold or in a warm-up.

Known is what an admin set, and what at least three people said unanimously of a closed pair of a finished preference
round. Pairs of evaluation rounds are never known: whoever saw their pictures there is not to be taught which is right,
and who did not is to judge them fresh.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.errors import BadInput, NotFound
from app.models import (
    Answer,
    Choice,
    GoldAnswer,
    Lease,
    Pair,
    PairState,
    Purpose,
    Round,
    RoundKind,
    RoundState,
    User,
    UserKind,
)
from app.services import events, preferences
from app.services.draws import fraction

UNANIMOUS_FROM = 3
LOOKED_AT = 50
BETTER = (Answer.FIRST, Answer.SECOND)
JUDGED = (Pair.state == PairState.CLOSED, Pair.filled >= UNANIMOUS_FROM)


@dataclass(frozen=True)
class Known:
    """A pair and the answer that is right for it."""

    pair_id: int
    answer: Answer


def set_answer(session: Session, *, pair_id: int, answer: Answer, actor: User | None) -> GoldAnswer:
    """Say what is right for a pair. It changes what is shown from now on, not what was judged by it before.

    Raises `BadInput` for a skip, for a pair of a blind comparison and for one that is shown to nobody, `NotFound` for
    no pair.
    """
    if answer is Answer.SKIP:
        raise BadInput("To skip is no answer that a pair can be known by.", "Choose another.")
    pair = _pair(session, pair_id)
    round_ = session.get_one(Round, pair.round_id)
    if round_.kind is RoundKind.EVALUATION:
        raise BadInput("Nobody knows which of two policies is right in a blind comparison.", "Choose another pair.")
    if pair.state is PairState.VOID:
        raise BadInput(
            "A picture of this pair is lost, or both look the same, so it is shown to nobody.", "Choose another pair."
        )
    row = session.get(GoldAnswer, pair_id) or GoldAnswer(pair_id=pair_id)
    row.answer, row.set_by_id, row.set_at = answer, actor.id if actor else None, func.now()
    session.add(row)
    session.flush()
    events.write(session, "pair.gold_set", round_, actor=actor, pair=pair_id, answer=answer)
    return row


def unset(session: Session, *, pair_id: int, actor: User | None) -> None:
    """Take the known answer of a pair back; where none was set, nothing changes."""
    pair, row = _pair(session, pair_id), session.get(GoldAnswer, pair_id)
    if row is not None:
        session.delete(row)
        events.write(session, "pair.gold_unset", session.get_one(Round, pair.round_id), actor=actor, pair=pair_id)


def unseen(
    session: Session, *, study_id: int, user: User, offered: list[str], count: int, without: set[int], seed: str
) -> list[Known]:
    """Up to `count` pairs of the study with a known answer that this person was never shown, what admins set first.

    The same for the same seed. Of the unanimous ones a bounded number is looked at from a place that the seed tells, so
    the cost does not grow with the study.
    """
    found = _set_by_admins(session, study_id, user, offered, count, without, seed)
    if len(found) < count:
        found += _unanimous(session, study_id, user, count - len(found), without | {k.pair_id for k in found}, seed)
    return found


def score(session: Session, *, study_id: int, user_id: int, since: datetime | None = None) -> tuple[int, int]:
    """How many of the person's gold answers (since then) are right, of how many. A skip is no answer."""
    query = (
        select(func.count().filter(Choice.answer == Lease.expected), func.count())
        .select_from(Lease)
        .join(Choice, Choice.lease_id == Lease.id)
        .join(Pair, Pair.id == Lease.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(
            Lease.user_id == user_id,
            Lease.purpose == Purpose.GOLD,
            Choice.undone_at.is_(None),
            Choice.answer != Answer.SKIP,
            Round.study_id == study_id,
        )
    )
    if since is not None:
        query = query.where(Choice.made_at > since)
    right, answered = session.execute(query).one()
    return right, answered


def _pair(session: Session, pair_id: int) -> Pair:
    pair = session.get(Pair, pair_id)
    if pair is None:
        raise NotFound(f"There is no pair {pair_id}.")
    return pair


def _set_by_admins(
    session: Session, study_id: int, user: User, offered: list[str], count: int, without: set[int], seed: str
) -> list[Known]:
    rows = session.execute(
        select(GoldAnswer.pair_id, GoldAnswer.answer)
        .join(Pair, Pair.id == GoldAnswer.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(
            Round.study_id == study_id,
            Pair.state != PairState.VOID,
            Pair.id.not_in(without),
            GoldAnswer.answer.in_(offered),
            ~_shown_to(user),
        )
        .order_by(func.md5(func.concat(seed, GoldAnswer.pair_id)))
        .limit(count)
    )
    return [Known(*row) for row in rows]


def _unanimous(session: Session, study_id: int, user: User, count: int, without: set[int], seed: str) -> list[Known]:
    """Pairs of one finished round, chosen by the seed, on which people were unanimous that one picture is better."""
    ids = [pair_id for pair_id in _some_judged(session, study_id, seed) if pair_id not in without]
    rows = session.execute(
        select(Choice.pair_id, func.min(Choice.answer))
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(User, User.id == Choice.user_id)
        .where(
            Choice.pair_id.in_(ids),
            Choice.undone_at.is_(None),
            Choice.answer != Answer.SKIP,
            Lease.purpose == Purpose.COUNTED,
            User.kind == UserKind.PERSON,
            ~preferences.left_out(study_id, Choice.user_id),
            ~_shown_to(user),
        )
        .group_by(Choice.pair_id)
        .having(
            func.count() >= UNANIMOUS_FROM,
            func.min(Choice.answer) == func.max(Choice.answer),
            func.min(Choice.answer).in_(BETTER),
        )
    )
    known = {pair_id: Answer(answer) for pair_id, answer in rows}
    return [Known(pair_id, known[pair_id]) for pair_id in ids if pair_id in known][:count]


def _some_judged(session: Session, study_id: int, seed: str) -> list[int]:
    """Pairs that may be unanimous, of one finished round: some after a place that the seed tells, then some from the
    round's beginning."""
    has_judged = exists().where(Pair.round_id == Round.id, *JUDGED)
    finished = select(Round.id).where(
        Round.study_id == study_id,
        Round.kind != RoundKind.EVALUATION,
        Round.state == RoundState.COMPLETE,
        has_judged,
    )
    round_id = session.scalar(finished.order_by(func.md5(func.concat(seed, Round.id))).limit(1))
    judged = select(Pair.id).where(Pair.round_id == round_id, *JUDGED).order_by(Pair.id).limit(LOOKED_AT)
    ends = select(func.min(Pair.id), func.max(Pair.id)).where(Pair.round_id == round_id, *JUDGED)
    first, last = session.execute(ends).one()
    if first is None:
        return []
    place = first + round(fraction(seed) * (last - first))
    after, before = session.scalars(judged.where(Pair.id >= place)), session.scalars(judged.where(Pair.id < place))
    return [*after, *before]


def _shown_to(user: User) -> ColumnElement[bool]:
    theirs = aliased(Lease)
    return exists().where(theirs.pair_id == Pair.id, theirs.user_id == user.id)
