"""Choices: stored once, undone without being deleted, and never lost.

A choice's transaction writes its own rows and its pair, nothing that other pairs' choices write. Round moves that the
choice makes due are left to the sweep.
"""

import uuid
from functools import cache
from typing import Any

from sqlalchemy import Select, Update, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Forbidden, NotFound
from app.models import Answer, Choice, Lease, Pair, Purpose, Round, User
from app.services import asking, participations, places, preferences
from app.services.locks import Lock, shared
from app.study_settings import LabelingSettings, validated

LONGEST_RESPONSE_MS = 24 * 3600 * 1000
LONGEST_COMMENT = 1000


def record(
    session: Session, *, pair_id: int, user: User, answer: Answer, key: uuid.UUID, lease_id: int,
    response_ms: int | None,
) -> Choice:  # fmt: skip
    """Store the user's answer on a leased pair. Safe to send twice: the same key gives the stored choice.

    An answer after its lease ran out is kept, as is one that comes to a pair that others filled meanwhile (marked
    `extra`) or after the round's training set was frozen (marked `late`). Raises `Conflict` with the standing choice
    where another key answered this lease before, `Forbidden` for another's lease, `BadInput` for an answer that the
    study does not offer.
    """
    stored = session.scalars(_by_key(), {"sent": key}).one_or_none()
    if stored is not None:
        return _same(stored, user, pair_id)
    pair, lease, round_ = _leased(session, pair_id, lease_id, user)
    labeling = asking.labeling_of(session, lease, round_)
    if answer.value not in asking.answers_offered(labeling):
        raise BadInput(f"This study does not offer the answer {answer.value!r}.", "Reload the page.")
    values = {
        "sent": key, "lease": lease.id, "pair": pair.id, "user": user.id, "said": answer,
        "took": response_ms if response_ms is None else max(0, min(response_ms, LONGEST_RESPONSE_MS)),
        "is_late": round_.state not in places.ASKED_IN, "is_extra": _is_extra(pair, lease, user, answer, labeling),
    }  # fmt: skip
    choice = session.scalars(_made(), values).one_or_none()
    if choice is None:
        return _standing(session, lease, key)
    session.execute(_ended(), {"lease": lease.id})
    if lease.purpose is Purpose.COUNTED:
        places.recount_one(session, round_, pair.id)
    elif lease.purpose is Purpose.GOLD:
        participations.pause_by_rule(session, study_id=round_.study_id, user=user, labeling=labeling)
    return choice


def undo(session: Session, *, user: User, pair_id: int, key: uuid.UUID) -> Choice:
    """Take the user's choice back; it is kept, marked with the time.

    Its pair is the user's again for a lease's time, unless others have filled or taken its places meanwhile: it can be
    answered again then too, as an `extra` choice. Undoing twice changes nothing. Raises `NotFound` where this user made
    no such choice.
    """
    choice = _own(session, user, pair_id, key)
    pair, lease, round_ = _leased(session, pair_id, choice.lease_id, user)
    session.refresh(choice)
    if choice.undone_at is not None:
        return choice
    choice.undone_at = func.now()
    session.flush()
    if lease.purpose is Purpose.COUNTED:
        places.recount_one(session, round_, pair.id)
    if _may_hold(session, pair, lease, user, validated(round_.settings).labeling):
        lease.expires_at = func.now() + places.lease_time()
    session.flush()
    session.refresh(choice)
    return choice


def explain(session: Session, *, user: User, pair_id: int, key: uuid.UUID, reasons: list[str], comment: str) -> Choice:
    """Say why: the study's tags that fit, and a comment where the study asks for one. Replaces what was said before.

    Safe to repeat. Raises `BadInput` on other tags or a comment that is not asked for or too long, `Conflict` where the
    choice was undone.
    """
    choice = _own(session, user, pair_id, key)
    _, lease, round_ = _leased(session, pair_id, choice.lease_id, user)
    session.refresh(choice)
    if choice.undone_at is not None:
        raise Conflict("This choice was undone.", "Answer the pair again.")
    _check_explanation(asking.labeling_of(session, lease, round_), reasons, comment.strip())
    choice.reasons, choice.comment = list(dict.fromkeys(reasons)), comment.strip()
    session.flush()
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
    return {
        "pair": choice.pair_id,
        "choice": choice.answer.value,
        "key": str(choice.key),
        "late": choice.late,
        "extra": choice.extra,
    }


@cache
def _by_key() -> Select[Any]:
    return select(Choice).where(Choice.key == bindparam("sent"))


@cache
def _made() -> Any:
    """The new choice, unless one stands on its lease already."""
    choice = insert(Choice).values(
        key=bindparam("sent"), lease_id=bindparam("lease"), pair_id=bindparam("pair"), user_id=bindparam("user"),
        answer=bindparam("said"), response_ms=bindparam("took"), late=bindparam("is_late"),
        extra=bindparam("is_extra"), reasons=[], comment="",
    )  # fmt: skip
    return choice.on_conflict_do_nothing().returning(Choice)


@cache
def _ended() -> Update:
    """An answer ends its lease."""
    ended = update(Lease).where(Lease.id == bindparam("lease"))
    ended = ended.values(expires_at=func.least(Lease.expires_at, func.now()))
    return ended.execution_options(synchronize_session=False)


def _standing(session: Session, lease: Lease, key: uuid.UUID) -> Choice:
    """The choice that stands on the lease, where it is the very same. Raises `Conflict` with it where it is another."""
    standing = session.scalars(select(Choice).where(Choice.lease_id == lease.id, Choice.undone_at.is_(None))).one()
    if standing.key != key:
        raise Conflict("This pair has your answer already.", "Undo it to answer again.", choice=view(standing))
    return standing


def _own(session: Session, user: User, pair_id: int, key: uuid.UUID) -> Choice:
    choice = session.scalars(select(Choice).where(Choice.key == key, Choice.user_id == user.id)).one_or_none()
    if choice is None or choice.pair_id != pair_id:
        raise NotFound("You made no such choice.", "Reload the page.")
    return choice


def _leased(session: Session, pair_id: int, lease_id: int, user: User) -> tuple[Pair, Lease, Round]:
    """The pair, locked, with the user's lease on it and its round, which no freezing overtakes from here on."""
    found = session.execute(_lease_in_round(), {"lease": lease_id}).one_or_none()
    if found is None or found.Lease.pair_id != pair_id:
        raise NotFound("This pair was not shown to you.", "Reload the page.")
    lease = found.Lease
    if lease.user_id != user.id:
        raise Forbidden("This pair was shown to someone else.", "Reload the page.")
    anew = {"populate_existing": True}
    pair, round_ = session.execute(_locked_pair(), {"pair": pair_id}, execution_options=anew).one()
    return pair, lease, round_


@cache
def _lease_in_round() -> Select[Any]:
    """The lease, with the lock that keeps its pair's round from being frozen: taken here, before the round is read."""
    query = select(Lease, shared(Lock.ROUND_CHOICES, Pair.round_id)).join(Pair, Pair.id == Lease.pair_id)
    return query.where(Lease.id == bindparam("lease"))


@cache
def _locked_pair() -> Select[Pair, Round]:
    query = select(Pair, Round).join(Round, Round.id == Pair.round_id).where(Pair.id == bindparam("pair"))
    return query.with_for_update(of=Pair)


def _is_extra(pair: Pair, lease: Lease, user: User, answer: Answer, labeling: LabelingSettings) -> bool:
    """Whether the answer would fill a place of a locked pair that has none left."""
    fills = lease.purpose is Purpose.COUNTED and answer is not Answer.SKIP
    return fills and preferences.counts_for(labeling, user.kind) and pair.filled >= labeling.choices_per_pair


def _may_hold(session: Session, pair: Pair, lease: Lease, user: User, labeling: LabelingSettings) -> bool:
    """Whether the user's lease on the locked pair can live again without a place being given twice."""
    if lease.purpose is not Purpose.COUNTED or not preferences.counts_for(labeling, user.kind):
        return True
    return pair.id in places.free(session, [pair.id], user, labeling)


def _check_explanation(labeling: LabelingSettings, reasons: list[str], comment: str) -> None:
    fields = {}
    unknown = [reason for reason in reasons if reason not in labeling.reasons]
    if unknown:
        fields["reasons"] = f"{', '.join(unknown)}: this study has no such tag"
    if comment and not labeling.ask_comment:
        fields["comment"] = "this study does not ask for one"
    elif len(comment) > LONGEST_COMMENT:
        fields["comment"] = f"is longer than {LONGEST_COMMENT} characters"
    if fields:
        raise BadInput("This cannot be stored as the reason of a choice.", "Reload the page.", fields=fields)


def _same(stored: Choice, user: User, pair_id: int) -> Choice:
    if stored.user_id != user.id or stored.pair_id != pair_id:
        raise Conflict("This key was used for another choice.", "Send a fresh UUID as the key.")
    return stored
