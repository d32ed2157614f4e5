"""Choices: stored once, undone without being deleted, and never lost.

A choice's transaction writes its own rows and its pair, nothing that other pairs' choices write. Round moves that the
choice makes due are left to the sweep.
"""

import uuid

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Forbidden, NotFound
from app.models import Answer, Choice, Lease, Pair, PairState, Purpose, Round, RoundState, User
from app.services import dealing, preferences
from app.services.locks import Lock, shared
from app.study_settings import LabelingSettings, validated

SKIPS_THAT_CLOSE = 3
LONGEST_RESPONSE_MS = 24 * 3600 * 1000


def record(
    session: Session, *, pair_id: int, user: User, answer: Answer, key: uuid.UUID, lease_id: int,
    response_ms: int | None,
) -> Choice:  # fmt: skip
    """Store the user's answer on a leased pair. Safe to send twice: the same key gives the stored choice.

    An answer after its lease ran out is kept, as is one that comes after the round's training set was frozen (marked
    `late`). Raises `Conflict` with the standing choice where another key answered this lease before, `Forbidden` for
    another's lease, `BadInput` for an answer that the study does not offer.
    """
    stored = session.scalars(select(Choice).where(Choice.key == key)).one_or_none()
    if stored is not None:
        return _same(stored, user, pair_id)
    pair, lease, round_ = _leased(session, pair_id, lease_id, user)
    labeling = validated(round_.settings).labeling
    if answer.value not in dealing.answers_offered(labeling):
        raise BadInput(f"This study does not offer the answer {answer.value!r}.", "Reload the page.")
    standing = session.scalars(
        select(Choice).where(Choice.lease_id == lease.id, Choice.undone_at.is_(None))
    ).one_or_none()
    if standing is not None:
        if standing.key == key:
            return standing
        raise Conflict("This pair has your answer already.", "Undo it to answer again.", choice=view(standing))
    choice = Choice(
        key=key, lease_id=lease.id, pair_id=pair.id, user_id=user.id, answer=answer,
        response_ms=response_ms if response_ms is None else max(0, min(response_ms, LONGEST_RESPONSE_MS)),
        late=_is_late(round_),
    )  # fmt: skip
    session.add(choice)
    if _counts(labeling, lease, user):
        _count(pair, answer, +1, labeling)
    session.flush()
    return choice


def undo(session: Session, *, user: User, pair_id: int, key: uuid.UUID) -> Choice:
    """Take the user's choice back; it is kept, marked with the time. Its pair is the user's again for a lease's time.

    Undoing twice changes nothing. Raises `NotFound` where this user made no such choice.
    """
    choice = session.scalars(select(Choice).where(Choice.key == key, Choice.user_id == user.id)).one_or_none()
    if choice is None or choice.pair_id != pair_id:
        raise NotFound("You made no such choice.", "Reload the page.")
    pair, lease, round_ = _leased(session, pair_id, choice.lease_id, user)
    session.refresh(choice)
    if choice.undone_at is not None:
        return choice
    choice.undone_at = func.now()
    labeling = validated(round_.settings).labeling
    if _counts(labeling, lease, user):
        _count(pair, choice.answer, -1, labeling)
    lease.expires_at = func.now() + dealing.lease_time()
    session.flush()
    session.refresh(choice)
    return choice


def mine(session: Session, *, user: User, study_id: int, limit: int = 10) -> list[Choice]:
    """The user's standing choices in the study, newest first: what undo walks back through."""
    return list(
        session.scalars(
            select(Choice)
            .join(Pair, Pair.id == Choice.pair_id)
            .join(Round, Round.id == Pair.round_id)
            .where(Choice.user_id == user.id, Choice.undone_at.is_(None), Round.study_id == study_id)
            .order_by(Choice.id.desc())
            .limit(limit)
        )
    )


def view(choice: Choice) -> dict[str, object]:
    """A choice as the API shows it to the one who made it."""
    return {"pair": choice.pair_id, "choice": choice.answer.value, "key": str(choice.key), "late": choice.late}


def _leased(session: Session, pair_id: int, lease_id: int, user: User) -> tuple[Pair, Lease, Round]:
    """The pair, locked, with the user's lease on it and its round, which no freezing overtakes from here on."""
    lease = session.get(Lease, lease_id)
    if lease is None or lease.pair_id != pair_id:
        raise NotFound("This pair was not shown to you.", "Reload the page.")
    if lease.user_id != user.id:
        raise Forbidden("This pair was shown to someone else.", "Reload the page.")
    round_id = session.scalars(select(Pair.round_id).where(Pair.id == pair_id)).one()
    shared(session, Lock.ROUND_CHOICES, round_id)
    round_ = session.get_one(Round, round_id, populate_existing=True)
    pair = session.scalars(
        select(Pair).where(Pair.id == pair_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    return pair, lease, round_


def _count(pair: Pair, answer: Answer, by: int, labeling: LabelingSettings) -> None:
    """Fill or free a place of the locked pair, and close or open it accordingly."""
    if answer == Answer.SKIP:
        pair.skipped += by
    else:
        pair.filled += by
    closed = pair.filled >= labeling.choices_per_pair or pair.skipped >= SKIPS_THAT_CLOSE
    if pair.state == PairState.VOID or closed == (pair.state == PairState.CLOSED):
        return
    pair.state = PairState.CLOSED if closed else PairState.OPEN
    pair.closed_at = func.now() if closed else None


def _counts(labeling: LabelingSettings, lease: Lease, user: User) -> bool:
    return lease.purpose == Purpose.COUNTED and preferences.counts_for(labeling, user.kind)


def _is_late(round_: Round) -> bool:
    return round_.state not in (RoundState.GENERATING, RoundState.LABELING)


def _same(stored: Choice, user: User, pair_id: int) -> Choice:
    if stored.user_id != user.id or stored.pair_id != pair_id:
        raise Conflict("This key was used for another choice.", "Send a fresh UUID as the key.")
    return stored
