from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import (
    CheckState,
    Event,
    Hold,
    Job,
    JobKind,
    JobState,
    ModelCheck,
    Queue,
    Round,
    RoundState,
    RunState,
)
from app.services import house, job_moves, jobs
from tests import builders, scenes
from tests.queries import counted


def lease() -> dict[str, object]:
    now = builders.now()
    return {
        "state": JobState.RUNNING,
        "lease_until": now + timedelta(seconds=45),
        "claimed_at": now,
        "last_progress_at": now,
    }


def test_a_worker_is_shown_with_what_it_has_in_hand(db: Session) -> None:
    jobs.see_worker(db, name="gpu/1", queue_name=Queue.ACCELERATOR, device="cuda (H100)", version="1.2", memory=(3, 80))
    jobs.see_worker(db, name="idle", queue_name=Queue.CPU, device="cpu")
    builders.worker(db, name="gone", seen_at=builders.now() - timedelta(minutes=5))
    builders.worker(db, name="forgotten", seen_at=builders.now() - timedelta(days=8))
    round_ = builders.round_(db)
    progress = {"done": 5, "total": 20, "unit": "samples", "per_second": 2.5}
    builders.job(db, study_id=round_.study_id, round_id=round_.id, worker="gpu/1", progress=progress, **lease())
    builders.job(db, worker="gone", **lease())
    busy, idle, gone = house.workers(db)
    assert (busy.name, busy.version, busy.memory_used, busy.memory_total, busy.on_gpu) == ("gpu/1", "1.2", 3, 80, True)
    assert busy.job is not None
    assert (busy.job.round_number, busy.job.done, busy.job.total, busy.job.seconds_left) == (1, 5, 20, 6.0)
    assert (idle.name, idle.alive, idle.job) == ("idle", True, None)
    assert (gone.name, gone.alive, gone.job) == ("gone", False, None)


def test_a_job_without_progress_for_minutes_is_stuck(db: Session) -> None:
    jobs.see_worker(db, name="gpu/1", queue_name=Queue.ACCELERATOR, device="cpu")
    builders.job(db, worker="gpu/1", **(lease() | {"last_progress_at": builders.now() - timedelta(minutes=6)}))
    assert [worker.stuck for worker in house.workers(db)] == [True]


def test_queues_tell_what_waits_for_a_worker_and_what_for_an_admin(db: Session) -> None:
    held = builders.round_(db, hold=Hold.PAUSED)
    oldest = builders.job(db, created_at=builders.now() - timedelta(hours=1))
    builders.job(db, study_id=held.study_id, round_id=held.id)
    builders.job(db, **lease())
    builders.job(db, state=JobState.FAILED, ended_at=builders.now())
    accelerator, cpu = house.queues(db)
    assert (accelerator.waiting, accelerator.held, accelerator.running, accelerator.failed) == (1, 1, 1, 1)
    assert (accelerator.oldest, accelerator.is_stranded) == (oldest.created_at, True)
    assert (cpu.waiting, cpu.running, cpu.oldest, cpu.is_stranded) == (0, 0, None, False)
    builders.worker(db)
    assert not house.queues(db)[0].is_stranded


def test_what_the_house_asks_does_not_grow_with_its_jobs(db: Session) -> None:
    def look() -> int:
        with counted(db.get_bind()) as queries:
            house.workers(db), house.queues(db), house.failed(db)
        return len(queries)

    few = look()
    for number in range(4):
        jobs.see_worker(db, name=f"w{number}", queue_name=Queue.CPU, device="cpu")
        builders.job(db, worker=f"w{number}", **lease())
        builders.job(db, state=JobState.FAILED)
    assert look() <= few


def test_failed_jobs_come_newest_first_in_pages(db: Session) -> None:
    first, second, third = (builders.job(db, state=JobState.FAILED, error=f"no {n}").id for n in range(3))
    builders.job(db)
    assert [line.id for line in house.failed(db, limit=2)] == [third, second]
    assert [(line.id, line.error) for line in house.failed(db, before=second)] == [(first, "no 0")]


def failed_chunk(db: Session, **columns: object) -> tuple[Round, Job]:
    round_ = builders.round_(db, **columns)  # type: ignore[arg-type]
    job = builders.job(
        db, study_id=round_.study_id, round_id=round_.id, state=JobState.FAILED, failures=3, error="out of memory"
    )
    return round_, job


def test_a_failed_chunk_of_an_open_round_is_tried_again(db: Session) -> None:
    _, job = failed_chunk(db)
    admin = builders.user(db)
    job_moves.retry(db, job_id=job.id, actor=admin)
    assert (job.state, job.failures, job.error, job.ended_at) == (JobState.WAITING, 0, None, None)
    event = db.query(Event).filter_by(what="job.retried").one()
    assert (event.actor_id, event.object_id, event.study_id) == (admin.id, job.id, job.study_id)


def test_a_round_that_failed_over_its_chunk_goes_on_with_it(db: Session) -> None:
    round_, job = failed_chunk(db, state=RoundState.GENERATING, hold=Hold.FAILED)
    job_moves.retry(db, job_id=job.id, actor=None)
    assert (job.state, round_.hold) == (JobState.WAITING, Hold.NONE)


def test_a_training_that_failed_goes_on_with_its_round(db: Session) -> None:
    round_ = scenes.training_round(
        db, builders.study(db), steps=1, run_state=RunState.FAILED, hold=Hold.FAILED, hold_reason="It blew up."
    )
    run_id = db.query(Job).filter_by(round_id=round_.id).first()
    assert run_id is not None
    job = builders.job(
        db, kind=JobKind.TRAINING, study_id=round_.study_id, round_id=round_.id, state=JobState.FAILED,
    )  # fmt: skip
    job_moves.retry(db, job_id=job.id, actor=None)
    assert (job.state, round_.hold) == (JobState.WAITING, Hold.NONE)


@pytest.mark.parametrize("state", [RoundState.TRAINING, RoundState.COMPLETE, RoundState.CANCELLED])
def test_a_chunk_that_comes_too_late_is_not(db: Session, state: RoundState) -> None:
    _, job = failed_chunk(db, state=state)
    assert not house.failed(db)[0].may_retry
    with pytest.raises(Conflict, match="cannot be tried again"):
        job_moves.retry(db, job_id=job.id, actor=None)


def test_only_a_failed_job_is_tried_again(db: Session) -> None:
    with pytest.raises(Conflict, match="it is waiting"):
        job_moves.retry(db, job_id=builders.job(db).id, actor=None)
    with pytest.raises(NotFound):
        job_moves.retry(db, job_id=0, actor=None)


def test_the_check_of_a_model_begins_again(db: Session) -> None:
    job = jobs.add(db, JobKind.MODEL_CHECK, study_id=None, urgency=5)
    job.state = JobState.FAILED
    check = ModelCheck(name="Mine", source="/m", state=CheckState.REFUSED, reason="broken", job_id=job.id)
    db.add(check)
    db.flush()
    assert house.failed(db)[0].model_name == "Mine"
    job_moves.retry(db, job_id=job.id, actor=None)
    assert (job.state, check.state, check.reason) == (JobState.WAITING, CheckState.CHECKING, None)
