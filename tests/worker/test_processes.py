"""Workers as real processes: a whole round, with each of them killed in the middle of something."""

from pathlib import Path

from sqlalchemy import func, select

from app.db import transaction
from app.models import Checkpoint, Event, Job, JobKind, JobState, Metric, Round, RoundState, Worker
from app.settings import Settings
from tests.worker import rooms
from tests.worker.processes import is_gone, running, wait_until

SLOW = {
    "sampling": {"steps": 40, "groups": 2},
    "training": {"inner_epochs": 6, "steps_per_pair": 2, "resume_every": 2},
}


def state_of(kind: JobKind) -> JobState:
    return rooms.job_of(kind).state


def attempts(round_: Round) -> int:
    with transaction() as session:
        return session.scalar(select(func.max(Job.attempt)).where(Job.round_id == round_.id)) or 0


def results(round_: Round) -> tuple[list[str], str]:
    """The pictures' hashes and the adapter's."""
    with transaction() as session:
        checkpoint = session.scalars(
            select(Checkpoint).where(Checkpoint.training_run_id == rooms.run_of(round_).id)
        ).one()
    return [row.image_sha256 for row in rooms.samples_of(round_)], checkpoint.adapter_sha256


def test_a_round_survives_workers_killed_in_chunk_and_training_with_the_same_bits(
    active: Settings, demo_model: Path, tmp_path: Path
) -> None:
    study = rooms.make_study(demo_model, **SLOW)
    round_ = rooms.launch(study)

    with running(active, "first", tmp_path) as first:
        wait_until(lambda: attempts(round_) > 0, [first], pause=0.01)
        computing = first.child()
        computing.kill()
        wait_until(lambda: attempts(round_) > 1, [first])
        assert is_gone(computing)
        wait_until(lambda: len(rooms.samples_of(round_)) == 4, [first])
        assert rooms.answer_all(study) == 2
        wait_until(lambda: rooms.fresh(round_).state is RoundState.TRAINING, [first])
        wait_until(lambda: rooms.run_of(round_).resume is not None, [first], pause=0.01)
        first.kill()
    assert rooms.fresh(round_).state is RoundState.TRAINING
    with running(active, "second", tmp_path) as second:
        wait_until(lambda: rooms.fresh(round_).state is RoundState.COMPLETE, [second])
        wait_until(lambda: state_of(JobKind.EVALUATION) is JobState.DONE, [second])
        assert second.ends() == 0

    with transaction() as session:
        steps = list(session.scalars(select(Metric.step).order_by(Metric.step)))
        made = session.scalar(select(func.count(Event.id)).where(Event.what == "checkpoint.made"))
        assert {worker.name for worker in session.scalars(select(Worker))} == {"first", "second"}
    assert steps == list(range(1, 13))
    assert made == 1
    undisturbed = rooms.begin_training(rooms.make_study(demo_model, **SLOW))
    rooms.work_off(most=1)
    assert results(round_) == results(undisturbed)


def test_sigterm_gives_the_job_back_at_the_next_safe_point(active: Settings, demo_model: Path, tmp_path: Path) -> None:
    round_ = rooms.launch(rooms.make_study(demo_model, sampling={"steps": 400}))
    with running(active, "leaving", tmp_path) as worker:
        wait_until(lambda: attempts(round_) > 0, [worker])
        assert worker.ends() == 0
        assert "job_stopped" in worker.output
    with transaction() as session:
        job = session.scalars(select(Job).where(Job.round_id == round_.id).order_by(Job.id).limit(1)).one()
    assert (job.state, job.attempt, job.failures) == (JobState.WAITING, 1, 0)
    assert rooms.stored_files() == set()
