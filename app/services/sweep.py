"""The sweep: every few seconds it makes the moves that are due, whoever or whatever made them due.

One at a time over all site processes, by an advisory lock. Each round is settled in a transaction of its own, so that
one that fails keeps no other waiting.
"""

import threading
import time
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app import dispatch
from app.artifacts import Artifacts
from app.db import after_commit, sessions_on, transaction
from app.models import OPEN, Hold, JobKind, JobState, LogLevel, Queue, Round, RoundKind, RoundState, RunState, Study
from app.services import (
    clean_up,
    disk,
    job_logs,
    jobs,
    model_checks,
    retention,
    round_moves,
    rounds,
    tallies,
    totals,
    training_runs,
    tries,
    watching,
    work,
)
from app.services.locks import Lock, tried
from app.settings import get_settings

log = structlog.get_logger(__name__)

TALLYING_S = 1.0


def run_forever(stop: threading.Event, factory: sessionmaker[Session] | None = None) -> None:
    """Sweep until told to stop. A sweep that fails is logged and the next one tries again."""
    while not stop.wait(get_settings().sweep_seconds):
        try:
            sweep(factory)
        except Exception:
            log.exception("sweep_failed")


def sweep(factory: sessionmaker[Session] | None = None) -> bool:
    """Make every move that is due; says whether this caller swept (another process may be at it)."""
    factory = factory or sessions_on(get_settings().require_database_url())
    with factory() as lock, lock.begin():
        if not tried(lock, Lock.SWEEP):
            return False
        with transaction(factory) as session:
            _end_worn_out(session)
        for round_id in _ids(factory, select(Round.id).where(Round.state.in_(OPEN))):
            with transaction(factory) as session:
                totals.refresh(session, rounds.get(session, round_id))
            with transaction(factory) as session:
                round_moves.settle(session, round_id)
        for study_id in _to_look_at(factory):
            with transaction(factory) as session:
                watching.look(session, study_id)
        for study_id in _ids(factory, select(Study.id).where(Study.archived_at.is_(None), Study.auto_rounds > 0)):
            with transaction(factory) as session:
                _advance_by_itself(session, study_id)
        for study_id in _to_release(factory):
            with transaction(factory) as session:
                _release_files(session, study_id)
        for study_id in _to_count(factory):
            with transaction(factory) as session:
                disk.count(session, study_id)
        _tally(factory)
        with transaction(factory) as session:
            if work.is_due(session):
                work.catch_up(session)
        with transaction(factory) as session:
            clean_up.ask_daily(session)
        with transaction(factory) as session:
            tries.sweep(session, Artifacts(get_settings().artifacts))
        with transaction(factory) as session:
            due = jobs.due_queues(session)
        _wake(due)
    return True


def _ids(factory: sessionmaker[Session], query) -> list[int]:  # type: ignore[no-untyped-def]  # a select of ids
    with transaction(factory) as session:
        return list(session.scalars(query.order_by("id")))


def _to_look_at(factory: sessionmaker[Session]) -> list[int]:
    with transaction(factory) as session:
        return watching.due(session)


def _to_release(factory: sessionmaker[Session]) -> list[int]:
    with transaction(factory) as session:
        return retention.due(session)


def _to_count(factory: sessionmaker[Session]) -> list[int]:
    with transaction(factory) as session:
        return disk.due(session, limit=5)


def _tally(factory: sessionmaker[Session]) -> None:
    """Count rounds anew in which something was said, for a second at most: moves that are due do not wait for it."""
    until = time.monotonic() + TALLYING_S
    with transaction(factory) as session:
        looked_at, due = tallies.look(session), tallies.due(session)
    for round_id in due:
        if time.monotonic() > until:
            return
        with transaction(factory) as session:
            tallies.count(session, round_id, looked_at=looked_at)


def _end_worn_out(session: Session) -> None:
    """Fail the jobs whose worker was lost again and again: killed, out of memory, or the machine went away."""
    for job in jobs.worn_out(session):
        reason = (
            f"The worker was lost {jobs.MOST_FAILURES} times while it did this (last: {job.worker}). Was it killed, or "
            "out of memory? Look at its log, make the batch smaller, then retry."
        )
        jobs.end(job, JobState.FAILED, error=reason)
        job_logs.note(session, job, LogLevel.ERROR, f"Given up: {reason}", at=datetime.now(UTC))
        after_failure(
            session, kind=job.kind, job_id=job.id, round_id=job.round_id, run_id=job.training_run_id, reason=reason
        )  # fmt: skip


def after_failure(
    session: Session, *, kind: JobKind, job_id: int, round_id: int | None, run_id: int | None, reason: str
) -> None:
    """What a job that failed for good does: training stops its round, a chunk is put aside, a base model is refused."""
    if kind is JobKind.MODEL_CHECK:
        model_checks.refuse(session, job_id=job_id, reason=reason)
    if kind != JobKind.TRAINING or round_id is None or run_id is None:
        return
    round_ = rounds.locked(session, round_id)
    run = training_runs.get(session, run_id)
    if run.state in (RunState.WAITING, RunState.RUNNING):
        training_runs.fail(session, run, reason)
    if round_.state == RoundState.TRAINING and round_.hold != Hold.FAILED:
        round_moves.make(session, round_, "fail", reason=reason)


def _advance_by_itself(session: Session, study_id: int) -> None:
    """Launch the next round of a study that runs by itself, once the last one is complete and nothing stops it."""
    study = session.get_one(Study, study_id, with_for_update={"skip_locked": False})
    if study.auto_rounds == 0:
        return
    newest = session.scalars(
        select(Round)
        .where(Round.study_id == study_id, Round.kind == RoundKind.PREFERENCE)
        .order_by(Round.number.desc())
        .limit(1)
    ).one_or_none()
    if newest is not None and newest.state != RoundState.COMPLETE:
        return
    if newest is not None and not watching.lets_go_on(session, study):
        return
    study.auto_rounds -= 1
    rounds.launch(session, study_id=study_id, actor=None)


def _release_files(session: Session, study_id: int) -> None:
    keys = retention.release(session, study_id)
    if keys:
        artifacts = Artifacts(get_settings().artifacts)
        for key in keys:
            after_commit(session, partial(artifacts.delete, key))


def _wake(due: dict[Queue, int]) -> None:
    """Wake workers for jobs whose message was lost; none where one still waits to be read."""
    for queue, job_id in due.items():
        try:
            if dispatch.waiting(queue) == 0:
                dispatch.look_at(job_id, queue)
        except OSError:
            log.warning("broker_away", queue=queue)
