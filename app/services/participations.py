"""Participations: one person in one study, how they are paused there, and how their choices are left out.

A pause keeps someone from being dealt pairs and leaves what they said as it is; leaving someone out takes what they
said out of places, preferences and statistics. Either can be taken back, and each is an event.
"""

from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import Choice, Lease, Pair, Participation, Round, User
from app.services import events, gold, places, studies, tallies
from app.services.locks import Lock, exclusive
from app.study_settings import LabelingSettings

LONGEST_REASON = 500


def of(session: Session, *, study_id: int, user: User) -> Participation:
    """The user's participation in the study, made when they first open it; two requests at once make one."""
    mine = select(Participation).where(Participation.study_id == study_id, Participation.user_id == user.id)
    found = session.scalar(mine)
    if found is None:
        new = insert(Participation).values(study_id=study_id, user_id=user.id).on_conflict_do_nothing()
        session.execute(new)
        found = session.scalars(mine).one()
    return found


def locked(session: Session, *, study_id: int, user: User) -> Participation:
    """The user's participation, locked to the transaction's end and read anew: their tabs and devices go one by one."""
    mine, anew = {"in_study": study_id, "theirs": user.id}, {"populate_existing": True}
    found = session.scalars(_locked(), mine, execution_options=anew).one_or_none()
    if found is None:
        of(session, study_id=study_id, user=user)
        found = session.scalars(_locked(), mine, execution_options=anew).one()
    return found


@cache
def _locked() -> Select[Any]:
    return (
        select(Participation)
        .where(Participation.study_id == bindparam("in_study"), Participation.user_id == bindparam("theirs"))
        .with_for_update(key_share=True)
    )


def pause(session: Session, *, study_id: int, user_id: int, reason: str, actor: User | None) -> Participation:
    """Deal this person no more pairs of the study; pairs that they hold are free for others at once.

    `reason` is what they read; where it is empty they read a general, kind sentence. Pausing twice changes the reason.
    """
    if len(reason) > LONGEST_REASON:
        raise BadInput(f"The reason is longer than {LONGEST_REASON} characters.", "Shorten it.")
    theirs = _found(session, study_id, user_id)
    theirs.paused_at, theirs.paused_reason = func.now(), reason.strip() or None
    theirs.paused_by_id = actor.id if actor else None
    _free_pairs(session, theirs)
    events.write(session, "participation.paused", theirs, actor=actor, user=user_id, reason=reason.strip())
    return theirs


def resume(session: Session, *, study_id: int, user_id: int, actor: User | None) -> Participation:
    """Let them go on. Gold answers from before are forgiven: the study's rule counts from here."""
    theirs = _found(session, study_id, user_id)
    if theirs.paused_at is not None:
        theirs.paused_at = theirs.paused_reason = theirs.paused_by_id = None
        theirs.gold_from = func.now()
        events.write(session, "participation.resumed", theirs, actor=actor, user=user_id)
    return theirs


def pause_by_rule(session: Session, *, study_id: int, user: User, labeling: LabelingSettings) -> None:
    """Pause the user where too few of their gold answers are right, as the study asks.

    Called in the transaction of a gold choice, and of no other: it costs nobody else anything, and the very next
    request already finds the pause, where a sweep would let more pairs through.
    """
    if labeling.pause_below is None:
        return
    theirs = locked(session, study_id=study_id, user=user)
    if theirs.paused_at is not None:
        return
    right, answered = gold.score(session, study_id=study_id, user_id=user.id, since=theirs.gold_from)
    if answered >= labeling.pause_after and right < labeling.pause_below * answered:
        theirs.paused_at = func.now()
        _free_pairs(session, theirs)
        events.write(session, "participation.paused", theirs, user=user.id, right=right, answered=answered)


def leave_out(session: Session, *, study_id: int, user_id: int, actor: User | None) -> Participation:
    """Leave this person's choices out: they fill no places and count in no preference, and no more pairs are dealt to
    them. Pairs that lose a choice by it are open again in rounds that still ask for choices."""
    return _set_left_out(session, study_id, user_id, actor, out=True)


def take_back(session: Session, *, study_id: int, user_id: int, actor: User | None) -> Participation:
    """Count their choices again. A pair that others have filled meanwhile has more choices than it asked for."""
    return _set_left_out(session, study_id, user_id, actor, out=False)


def _set_left_out(session: Session, study_id: int, user_id: int, actor: User | None, *, out: bool) -> Participation:
    """Change it and count the pairs anew; choices and freezings of these rounds wait meanwhile."""
    asking = [row.id for row in _asking(session, study_id)]
    for round_id in asking:
        exclusive(session, Lock.ROUND_CHOICES, round_id)
    theirs = _found(session, study_id, user_id)
    if (theirs.left_out_at is not None) == out:
        return theirs
    theirs.left_out_at = func.now() if out else None
    session.flush()
    _free_pairs(session, theirs)
    for round_ in _asking(session, study_id):  # read again: one may have been frozen while the lock was waited for
        if round_.id in asking:
            places.recount(session, round_, Pair.id.in_(_answered_by(user_id, round_)))
    tallies.mark(session, study_id=study_id, user_id=user_id)
    events.write(session, f"participation.{'left_out' if out else 'taken_back'}", theirs, actor=actor, user=user_id)
    return theirs


def _found(session: Session, study_id: int, user_id: int) -> Participation:
    """The person's participation, locked. Raises `NotFound` where there is no such study or person."""
    studies.get(session, study_id)
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    return locked(session, study_id=study_id, user=user)


def _asking(session: Session, study_id: int) -> list[Round]:
    """The study's rounds that ask for choices, in the order in which they are locked."""
    query = select(Round).where(Round.study_id == study_id, Round.state.in_(places.ASKED_IN)).order_by(Round.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _answered_by(user_id: int, round_: Round) -> Select[Any]:
    return (
        select(Choice.pair_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .where(Choice.user_id == user_id, Choice.undone_at.is_(None), Pair.round_id == round_.id)
    )


def _free_pairs(session: Session, theirs: Participation) -> None:
    """End their live leases in the study, so that others can have the pairs."""
    in_study = (select(Pair.id).join(Round, Round.id == Pair.round_id).where(Round.study_id == theirs.study_id)).where(
        Pair.id == Lease.pair_id
    )
    session.execute(
        update(Lease)
        .where(Lease.user_id == theirs.user_id, Lease.expires_at > func.now(), exists(in_study))
        .values(expires_at=func.now())
    )
