from datetime import timedelta

import pytest
from sqlalchemy import func
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.models import Hold, Job, JobKind, JobState, Queue, RoundState
from app.services import jobs
from app.services.jobs import LostJob, Verdict
from tests import builders


def take(session: Session, worker: str = "one", lease_seconds: float = 45) -> jobs.Claim | None:
    return jobs.claim(session, queue_name=Queue.ACCELERATOR, worker=worker, lease_seconds=lease_seconds)


def run_out(session: Session, job: Job) -> None:
    job.lease_until = func.now() - timedelta(seconds=1)
    session.flush()


def test_the_most_urgent_due_job_is_taken_first(db: Session) -> None:
    study = builders.study(db)
    later = builders.job(db, study_id=study.id, urgency=5, due_at=builders.now() + timedelta(hours=1))
    slow, quick = (builders.job(db, study_id=study.id, urgency=urgency) for urgency in (30, 10))
    other_queue = builders.job(db, study_id=study.id, urgency=1, queue=Queue.CPU)
    taken = [claim.job_id for claim in (take(db), take(db)) if claim]
    assert taken == [quick.id, slow.id]
    assert take(db) is None
    assert {later.state, other_queue.state} == {JobState.WAITING}


def test_each_claim_raises_the_attempt_and_the_old_one_has_lost(db: Session) -> None:
    job = builders.job(db)
    first = take(db)
    assert first is not None
    db.refresh(job)
    run_out(db, job)
    second = take(db, "two")
    assert second is not None
    assert (first.attempt, second.attempt) == (1, 2)
    for write in (
        lambda: jobs.beat(db, first, lease_seconds=45),
        lambda: jobs.progress(db, first, done=1, total=2, unit="samples", per_second=1),
        lambda: jobs.held(db, first),
        lambda: jobs.fail(db, first, error="no", for_good=False),
    ):
        with pytest.raises(LostJob):
            write()
    assert jobs.beat(db, second, lease_seconds=45) == Verdict.GO_ON
    assert jobs.held(db, second).worker == "two"


def test_a_live_lease_is_not_taken(db: Session) -> None:
    builders.job(db)
    assert take(db) is not None
    assert take(db, "two") is None


STANDS_STILL = [{"hold": Hold.PAUSED}, {"hold": Hold.FAILED}, {"state": RoundState.CANCELLED}]


@pytest.mark.parametrize(("columns", "due"), [({}, True), *((columns, False) for columns in STANDS_STILL)])
def test_jobs_of_a_round_that_stands_still_are_not_due(db: Session, columns: dict, due: bool) -> None:
    round_ = builders.round_(db, **columns)
    builders.job(db, study_id=round_.study_id, round_id=round_.id)
    assert (Queue.ACCELERATOR in jobs.due_queues(db)) == due
    assert (take(db) is not None) == due


def test_a_paused_round_asks_for_its_job_back_and_no_failure_is_counted(db: Session) -> None:
    round_ = builders.round_(db)
    job = builders.job(db, study_id=round_.study_id, round_id=round_.id)
    claim = take(db)
    assert claim is not None
    round_.hold = Hold.PAUSED
    db.flush()
    assert jobs.beat(db, claim, lease_seconds=45) == Verdict.GIVE_BACK
    jobs.give_back(db, claim)
    db.refresh(job)
    assert (job.state, job.failures) == (JobState.WAITING, 0)


def test_a_failed_attempt_is_tried_later_and_at_last_failed_for_good(db: Session) -> None:
    job = builders.job(db)
    for attempt in range(1, jobs.MOST_FAILURES + 1):
        claim = take(db)
        assert claim is not None
        gone = jobs.fail(db, claim, error="it broke", for_good=False)
        db.flush()
        db.refresh(job)
        assert gone == (attempt == jobs.MOST_FAILURES)
        if not gone:
            assert job.due_at > builders.now()
            job.due_at = func.now()
            db.flush()
    assert (job.state, job.error) == (JobState.FAILED, "it broke")
    assert take(db) is None


def test_an_error_that_would_come_again_fails_at_once(db: Session) -> None:
    job = builders.job(db)
    claim = take(db)
    assert claim is not None
    assert jobs.fail(db, claim, error="other weights", for_good=True)
    assert job.state == JobState.FAILED


def test_a_job_that_kills_its_workers_is_left_to_the_sweep(db: Session) -> None:
    job = builders.job(db)
    for _ in range(jobs.MOST_FAILURES):
        assert jobs.worn_out(db) == []
        assert take(db) is not None
        db.refresh(job)
        run_out(db, job)
    assert take(db) is None
    assert jobs.worn_out(db) == [job]


def test_a_cancelled_job_is_lost_to_its_worker(db: Session) -> None:
    round_ = builders.round_(db)
    job = builders.job(db, study_id=round_.study_id, round_id=round_.id)
    waiting = builders.job(db, study_id=round_.study_id, round_id=round_.id)
    claim = take(db)
    assert claim is not None
    assert jobs.cancel_open(db, round_id=round_.id, kinds=(JobKind.CHUNK,), waiting_only=True) == 1
    assert jobs.beat(db, claim, lease_seconds=45) == Verdict.GO_ON
    jobs.cancel_open(db, round_id=round_.id, kinds=(JobKind.CHUNK,))
    with pytest.raises(LostJob):
        jobs.beat(db, claim, lease_seconds=45)
    db.refresh(waiting)
    db.refresh(job)
    assert waiting.state == job.state == JobState.CANCELLED


def test_two_workers_never_take_the_same_job(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        study = builders.study(session)
        for _ in range(2):
            builders.job(session, study_id=study.id)
    with sessions() as one, sessions() as two, one.begin(), two.begin():
        first, second, none = take(one), take(two), take(one)
    assert first is not None
    assert second is not None
    assert first.job_id != second.job_id
    assert none is None
