"""The lease is kept by a thread of its own, which also learns whether to stop."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Job, JobState, Queue, Worker
from app.services import jobs, round_moves
from app.services.jobs import Claim, LostJob
from app.settings import Settings
from tests.worker import rooms
from worker.claims import Identity, due_jobs
from worker.heartbeat import Heartbeat, Standing, say_present
from worker.progress import Progress
from worker.shutdown import ShutdownFlag


@pytest.fixture
def claim(active: Settings, demo_model: Path) -> Claim:
    rooms.launch(rooms.make_study(demo_model))
    return next(due_jobs(rooms.HERE, ShutdownFlag()))


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lease_of(claim: Claim) -> float:
    with transaction() as session:
        lease = session.get_one(Job, claim.job_id).lease_until
    assert lease is not None
    return lease.timestamp()


def test_the_lease_is_renewed_while_the_context_lasts(claim: Claim) -> None:
    before = lease_of(claim)
    with Heartbeat(claim) as beating:
        wait_for(lambda: lease_of(claim) > before)
        assert beating.standing is Standing.HELD
    after = lease_of(claim)
    time.sleep(0.5)
    assert lease_of(claim) == after


def test_a_pause_asks_for_the_job_and_a_resume_lets_it_go_on(claim: Claim) -> None:
    assert claim.round_id is not None
    with Heartbeat(claim) as beating:
        with transaction() as session:
            round_moves.pause(session, round_id=claim.round_id, actor=None)
        wait_for(lambda: beating.standing is Standing.GIVE_BACK)
        with transaction() as session:
            round_moves.resume(session, round_id=claim.round_id, actor=None)
        wait_for(lambda: beating.standing is Standing.HELD)


def test_a_job_that_was_cancelled_is_lost(claim: Claim) -> None:
    assert claim.round_id is not None
    with Heartbeat(claim) as beating:
        with transaction() as session:
            round_moves.cancel(session, round_id=claim.round_id, actor=None)
        wait_for(lambda: beating.standing is Standing.LOST)
    with pytest.raises(LostJob):
        Progress(claim, "samples")(1, 2)


def test_progress_is_written_at_once_and_then_at_most_once_a_second(claim: Claim) -> None:
    told = Progress(claim, "samples")
    for done in range(5):
        told(done, 10)

    def written() -> int:
        with transaction() as session:
            return int(session.get_one(Job, claim.job_id).progress["done"])

    assert written() == 0
    told(10, 10)
    assert written() == 10


def test_nothing_is_claimed_by_a_worker_that_shuts_down(active: Settings, demo_model: Path) -> None:
    rooms.launch(rooms.make_study(demo_model))
    flag = ShutdownFlag()
    flag.set()
    assert list(due_jobs(rooms.HERE, flag)) == []
    with transaction() as session:
        assert set(session.scalars(select(Job.state))) == {JobState.WAITING}


def test_an_idle_worker_says_that_it_is_there(active: Settings) -> None:
    say_present(Identity("idle", Queue.CPU), "cpu")
    with transaction() as session:
        worker = session.get_one(Worker, "idle")
        assert (worker.queue, worker.device) == (Queue.CPU, "cpu")
        first = worker.seen_at
        assert jobs.claim(session, queue_name=Queue.CPU, worker="idle", lease_seconds=1) is None
    say_present(Identity("idle", Queue.CPU), "cpu")
    with transaction() as session:
        assert session.get_one(Worker, "idle").seen_at > first
