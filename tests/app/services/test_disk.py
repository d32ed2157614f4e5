from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from app.artifacts import Artifacts
from app.db import transaction
from app.models import JobState, StudyDisk
from app.services import disk
from app.services.sweep import sweep
from app.settings import Settings, activate
from tests import builders
from tests.queries import counted


def stored(db: Session) -> int:
    """A study with two pictures, one of them with a trajectory that is kept, and a checkpoint."""
    study = builders.study(db)
    round_ = builders.round_(db, study_id=study.id)
    group = builders.group(db, round_id=round_.id)
    sizes = {"image_size": 100, "webp_size": 10}
    builders.sample(db, group_id=group.id, trajectory_key="t/1", trajectory_size=1000, **sizes)
    builders.sample(
        db, group_id=group.id, trajectory_key="t/2", trajectory_size=5000, trajectory_removed_at=builders.now(), **sizes
    )
    run = builders.training_run(db, round_id=round_.id, resume={"key": "r/1", "size": 7, "sha256": "", "step": 1})
    builders.checkpoint(
        db, training_run_id=run.id, optimizer={"key": "o/1", "size": 30, "sha256": ""},
        files={"peft": {"key": "c/1", "size": 400}, "kohya": {"key": "c/2", "size": 200}},
    )  # fmt: skip
    return study.id


def test_a_study_is_counted_by_kind(db: Session) -> None:
    row = disk.count(db, stored(db))
    assert (row.trajectories, row.pictures, row.checkpoints, row.other) == (1000, 220, 600, 37)
    assert row.files == 2 * 2 + 1 + 2 + 2


def test_all_studies_are_shown_by_two_queries_the_largest_first(db: Session, tmp_path: Path) -> None:
    small = builders.study(db)
    large = stored(db)
    for study_id in (small.id, large):
        disk.count(db, study_id)
    with counted(db.get_bind()) as queries:
        shown = disk.overview(db, Artifacts(str(tmp_path)), limit=1)
    assert len(queries) == 2
    assert (shown.all, shown.studies, [line.study_id for line in shown.lines]) == (1857, 2, [large])
    assert shown.free is not None
    assert shown.total is not None
    assert 0 < shown.free < shown.total
    assert disk.overview(db).free is None


def test_a_study_is_counted_again_once_a_job_has_ended(db: Session) -> None:
    study_id = stored(db)
    assert disk.due(db) == [study_id]
    row = disk.count(db, study_id)
    assert disk.due(db) == []
    row.counted_at = builders.now() - timedelta(minutes=1)
    db.flush()
    assert disk.due(db) == []
    builders.job(db, study_id=study_id, state=JobState.DONE, ended_at=builders.now())
    assert disk.due(db) == [study_id]
    row.took_ms = 30_000  # so long that it is counted every 25 minutes at most
    db.flush()
    assert disk.due(db) == []


def test_removed_files_ask_for_another_count(db: Session) -> None:
    study_id = stored(db)
    row = disk.count(db, study_id)
    row.counted_at = builders.now() - timedelta(minutes=1)
    disk.mark(db, study_id)
    db.flush()
    assert disk.due(db) == [study_id]
    assert not disk.count(db, study_id).is_stale


def test_the_sweep_counts(sessions: sessionmaker[Session], settings: Settings) -> None:
    with transaction(sessions) as session:
        study_id = stored(session)
    with activate(settings):
        sweep(sessions)
    with transaction(sessions) as session:
        assert session.get_one(StudyDisk, study_id).trajectories == 1000
