"""Tallies: each round's choices counted by the sweep once anything was said in it or taken back.

Counting a round of a hundred thousand choices takes seconds, so of each round it is done for a fiftieth of the time at
most: `PAUSE` times as long as it took lies between. Rounds in which nothing happens cost nothing. What has changed is
found by when choices were made and undone; whatever else changes a figure calls `mark`.
"""

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, union, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import AnnotatorSpread, AnnotatorTally, Choice, Pair, PromptTally, Round, RoundTally
from app.models.base import among
from app.services import agreement, annotator_counts, judge_tallies, prompt_figures

PAUSE = 50
SHORTEST_PAUSE_S = 3.0
LATE = timedelta(seconds=10)  # a choice is stored by a transaction that may have begun so long ago


def look(session: Session) -> datetime:
    """Mark the rounds in which something was said or taken back since the last look; gives the time of this one."""
    last = session.scalar(select(func.max(RoundTally.counted_at)))
    if last is not None:
        since = last - LATE
        changed = union(_rounds(Choice.made_at > since), _rounds(Choice.undone_at > since)).subquery()
        _mark(session, RoundTally.round_id.in_(select(changed.c.round_id)))
    return session.scalars(select(func.now())).one()


def due(session: Session, *, limit: int = 20) -> list[int]:
    """Rounds that are to be counted now: those that never were, and marked ones that have rested."""
    seconds = func.greatest(SHORTEST_PAUSE_S, RoundTally.took_ms * PAUSE / 1000.0)
    rested = RoundTally.counted_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    return list(
        session.scalars(
            select(Round.id)
            .outerjoin(RoundTally, RoundTally.round_id == Round.id)
            .where(or_(RoundTally.round_id.is_(None), and_(RoundTally.is_stale, rested)))
            .order_by(RoundTally.counted_at.nulls_first(), Round.id.desc())
            .limit(limit)
        )
    )


def count(session: Session, round_id: int, *, looked_at: datetime) -> None:
    """Count the round anew. `looked_at` is when the rounds were last looked at."""
    began = time.monotonic()
    tally = _locked(session, round_id)
    study_id = session.get_one(Round, round_id).study_id
    where = [Round.id == round_id]
    people = session.scalars(
        select(Choice.user_id).join(Pair, Pair.id == Choice.pair_id).where(Pair.round_id == round_id).distinct()
    ).all()
    for table in (AnnotatorTally, AnnotatorSpread, PromptTally):
        session.execute(delete(table).where(table.round_id == round_id))
    for user_id, (numbers, spread) in annotator_counts.count(session, where, people).items():
        session.add(AnnotatorTally(round_id=round_id, user_id=user_id, study_id=study_id, **vars(numbers)))
        beside = agreement.written_beside(spread.beside)
        session.add(AnnotatorSpread(round_id=round_id, user_id=user_id, times=list(spread.times), beside=beside))
    for prompt_id, said in prompt_figures.count(session, round_id).items():
        session.add(PromptTally(round_id=round_id, prompt_id=prompt_id, study_id=study_id, **said))
    judge_tallies.count(session, round_id)
    tally.patterns = agreement.written(agreement.patterns(session, *where))
    tally.is_stale, tally.counted_at = False, looked_at
    tally.took_ms = round((time.monotonic() - began) * 1000)
    session.flush()


def mark(session: Session, *, study_id: int, user_id: int) -> None:
    """What this person said counts otherwise from now on: let the rounds be counted again in which they said it."""
    theirs = select(AnnotatorTally.round_id).where(
        AnnotatorTally.study_id == study_id, AnnotatorTally.user_id == user_id
    )
    _mark(session, RoundTally.round_id.in_(theirs))


def mark_rounds(session: Session, round_ids: Collection[int]) -> None:
    """A judge has scored pictures of these rounds: let them be counted again."""
    _mark(session, among(RoundTally.round_id, round_ids))


def uncounted(session: Session, study_id: int) -> int:
    """How many rounds of the study were never counted yet."""
    query = (
        select(func.count())
        .select_from(Round)
        .outerjoin(RoundTally, RoundTally.round_id == Round.id)
        .where(Round.study_id == study_id, RoundTally.round_id.is_(None))
    )
    return session.scalar(query) or 0


def catch_up(session: Session) -> None:
    """Count all that is due or marked, at once."""
    looked_at = look(session)
    stale = select(RoundTally.round_id).where(RoundTally.is_stale)
    for round_id in {*due(session, limit=1_000_000), *session.scalars(stale)}:
        count(session, round_id, looked_at=looked_at)


def _rounds(when: Any) -> Any:
    return select(Pair.round_id).join(Choice, Choice.pair_id == Pair.id).where(when)


def _mark(session: Session, which: Any) -> None:
    session.execute(
        update(RoundTally).where(which, ~RoundTally.is_stale).values(is_stale=True),
        execution_options={"synchronize_session": False},
    )


def _locked(session: Session, round_id: int) -> RoundTally:
    """The round's row, made where there is none, locked: two who count one round go one after the other."""
    session.execute(insert(RoundTally).values(round_id=round_id).on_conflict_do_nothing())
    return session.scalars(
        select(RoundTally)
        .where(RoundTally.round_id == round_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
