import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.errors import BadInput, Conflict
from app.models import Job, JobKind, JobState, Queue, RoundState, RunState
from app.services import clean_up, jobs, retention, unnamed
from tests import builders


def kept(db: Session, study_id: int, number: int, **columns: object) -> int:
    """A complete round with one trajectory of 100 bytes times its number: the round's id."""
    round_ = builders.round_(
        db,
        study_id=study_id,
        **{"state": RoundState.COMPLETE, "number": number, **columns},  # type: ignore[arg-type]
    )
    group = builders.group(db, round_id=round_.id)
    builders.sample(db, group_id=group.id, trajectory_key=f"t/{round_.id}", trajectory_size=100 * number)
    return round_.id


def test_what_a_clean_up_frees_is_told_by_how_many_rounds_are_kept(db: Session) -> None:
    study = builders.study(db)
    for number in range(1, 6):
        kept(db, study.id, number)
    kept(db, study.id, 6, state=RoundState.LABELING)
    (freed,) = retention.would_free(db)
    assert freed.bytes_by_kept == (1500, 1500, 1000, 600)  # the newest is open, and stays whatever is kept
    assert freed.files_by_kept == (5, 5, 4, 3)
    for keep, left in ((3, 900), (1, 0)):
        assert retention.release(db, study.id, keep=keep)
        db.flush()
        assert sum(one.bytes_by_kept[0] for one in retention.would_free(db)) == left


def test_a_round_that_trains_again_keeps_its_trajectories(db: Session) -> None:
    study = builders.study(db)
    round_id = kept(db, study.id, 1)
    run = builders.training_run(db, round_id=round_id, state=RunState.RUNNING)
    assert retention.would_free(db) == []
    assert retention.release(db, study.id, keep=0) == []
    run.state = RunState.FINISHED
    db.flush()
    assert retention.release(db, study.id, keep=0) == [f"t/{round_id}"]


def test_one_clean_up_at_a_time_is_asked_for(db: Session) -> None:
    job = clean_up.ask(db, keep=1, actor=None)
    assert (job.queue, job.study_id, job.payload) == (Queue.CPU, None, {"keep": 1})
    assert clean_up.standing(db).at_work
    with pytest.raises(Conflict, match="at work"):
        clean_up.ask(db, keep=1, actor=None)
    with pytest.raises(BadInput):
        clean_up.ask(db, keep=4, actor=None)


def test_one_a_day_is_asked_for_by_itself_in_a_house_that_has_stood_a_day(db: Session) -> None:
    study = builders.study(db)
    assert clean_up.ask_daily(db) is None
    study.created_at = builders.now() - timedelta(days=2)
    db.flush()
    job = clean_up.ask_daily(db)
    assert job is not None
    job.state = JobState.DONE
    db.flush()
    assert clean_up.ask_daily(db) is None
    job.created_at = builders.now() - timedelta(days=1, minutes=1)
    db.flush()
    assert clean_up.ask_daily(db) is not None


def test_what_was_freed_is_told(db: Session) -> None:
    job = clean_up.ask(db, keep=3, actor=None)
    claim = jobs.claim(db, queue_name=Queue.CPU, worker="w", lease_seconds=9)
    assert claim is not None
    clean_up.record(db, claim, trajectories=2, trajectory_bytes=20, unnamed=1, unnamed_bytes=5)
    db.refresh(job)
    standing = clean_up.standing(db)
    assert (job.state, standing.at_work) == (JobState.DONE, False)
    assert standing.last is not None
    assert (standing.last.trajectories, standing.last.unnamed_bytes) == (2, 5)


def test_files_that_no_row_names_are_found_once_they_are_a_day_old(db: Session, tmp_path: Path) -> None:
    artifacts = Artifacts(str(tmp_path))
    round_ = builders.round_(db)
    study_id, folder = round_.study_id, f"studies/{round_.study_id}/rounds/{round_.number}"
    group = builders.group(db, round_id=round_.id)
    run = builders.training_run(db, round_id=round_.id, resume={"key": f"{folder}/training/9-1/resume-1"})
    builders.checkpoint(
        db, training_run_id=run.id, optimizer={"key": f"{folder}/training/9-1/optimizer"},
        files={"peft": {"key": f"{folder}/training/9-1/peft.zip"}},
    )  # fmt: skip
    named = [f"{folder}/chunks/7-1/0-0.{end}" for end in ("png", "webp", "safetensors")]
    builders.sample(db, group_id=group.id, image_key=named[0], webp_key=named[1], trajectory_key=named[2])
    named += [f"{folder}/training/9-1/{name}" for name in ("resume-1", "optimizer", "peft.zip")]
    builders.job(
        db, study_id=study_id, id=8, attempt=2, state=JobState.RUNNING, lease_until=builders.now()
    )  # fmt: skip
    working, left = f"{folder}/chunks/8-2/0-0.png", f"{folder}/chunks/8-1/0-0.png"
    for key in (*named, working, left, f"{folder}/chunks/8-1/new.png"):
        artifacts.put_bytes(key, b"12345")
    draft = tmp_path / folder / "chunks/8-1/.0-1.png.0123456789abcdef"
    draft.write_bytes(b"half")
    outside = artifacts.put_bytes(f"studies/{study_id}/guide/1.webp", b"1")
    old = time.time() - 2 * 86_400
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "new.png":
            os.utime(path, (old, old))
    places = unnamed.folders(db, study_id)
    of_no_round = [(f"studies/{study_id}/{other}", None) for other in ("evaluation", "exports", "tries", "imported")]
    assert places == [(folder, 1), *of_no_round]
    found = dict(
        entry
        for place, number in places
        for entry in unnamed.find(artifacts, place, unnamed.named(db, study_id, number), unnamed.at_work(db))
    )
    assert found == {left: 5, str(draft.relative_to(tmp_path)): 4}
    for key in found:
        artifacts.delete(key)
    assert not draft.exists()
    assert artifacts.exists(outside.key)


def test_every_kind_of_row_that_names_a_file_is_known() -> None:
    """A new column that holds a key belongs into `unnamed.named`, or its folder is not to be swept."""
    from app.models import Base

    holds_key = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name == "key" or column.name.endswith("_key")
    }
    of_clients = {"choices.key", "deliveries.key"} | {
        f"{table}.idempotency_key" for table in ("studies", "rounds", "exports", "tries", "scorings", "pushes")
    }
    assert holds_key - of_clients == {
        "samples.image_key", "samples.webp_key", "samples.trajectory_key", "guide_pictures.key", "exports.key",
    }  # fmt: skip


def test_a_clean_up_waits_in_the_queue_of_files(db: Session) -> None:
    clean_up.ask(db, keep=3, actor=None)
    assert jobs.claim(db, queue_name=Queue.ACCELERATOR, worker="w", lease_seconds=9) is None
    claim = jobs.claim(db, queue_name=Queue.CPU, worker="w", lease_seconds=9)
    assert claim is not None
    assert claim.kind is JobKind.CLEAN_UP
    assert db.get_one(Job, claim.job_id).study_id is None
