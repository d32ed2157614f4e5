import os
import time
from pathlib import Path

from app.artifacts import Artifacts
from app.db import transaction
from app.models import JobState, Queue, RoundState, Sample
from app.services import clean_up
from app.settings import Settings
from tests import builders
from tests.worker import rooms
from worker.attempt import attempt
from worker.claims import Identity, due_jobs
from worker.shutdown import ShutdownFlag
from worker.tasks import run


def test_a_worker_lets_trajectories_go_and_removes_what_no_row_names(active: Settings, artifacts: Artifacts) -> None:
    with transaction() as session:
        round_ = builders.round_(session, state=RoundState.COMPLETE)
        folder = f"studies/{round_.study_id}/rounds/{round_.number}/chunks/900-1"
        stored = artifacts.put_bytes(f"{folder}/0-0.safetensors", b"latents")
        group = builders.group(session, round_id=round_.id)
        sample = builders.sample(
            session, group_id=group.id, artifacts=artifacts, trajectory_key=stored.key, trajectory_size=stored.size
        )
        left = artifacts.put_bytes(f"{folder}/9-9.png", b"left")
        clean_up.ask(session, keep=0, actor=None)
    old = time.time() - 2 * 86_400
    os.utime(Path(active.artifacts) / left.key, (old, old))
    for claim in due_jobs(Identity("files", Queue.CPU), ShutdownFlag()):
        attempt(claim, ShutdownFlag(), run)
    with transaction() as session:
        assert rooms.job_of(claim.kind).state is JobState.DONE
        assert session.get_one(Sample, sample.id).trajectory_removed_at is not None
        done = clean_up.standing(session).last
    assert done is not None
    assert (done.trajectories, done.trajectory_bytes, done.unnamed, done.unnamed_bytes) == (1, 7, 1, 4)
    assert not artifacts.exists(stored.key)
    assert not artifacts.exists(left.key)
    assert artifacts.exists(sample.image_key)
