"""Exports as a worker writes them: named with their hash, told while they come, stopped, and nothing left behind."""

import pytest
from pyarrow.parquet import read_table

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import TooMany
from app.models import Export, Job, JobKind, JobState, Queue, Study
from app.services import clean_up, disk, exports, preference_export, unnamed
from app.services.export_source import Rounds
from app.settings import Settings, activate
from tests import builders, scenes
from worker.attempt import attempt
from worker.claims import Identity, due_jobs
from worker.shutdown import ShutdownFlag
from worker.tasks import run


@pytest.fixture
def study(active: Settings, artifacts: Artifacts) -> Study:
    """Five of six pairs are answered, pictures and all."""
    with transaction() as session:
        study = builders.study(session)
        scenes.labeling_round(session, study, pairs=6, closed=5, artifacts=artifacts)
        return study


@pytest.fixture
def settings_secret(active: Settings) -> str:
    return active.secret()


def ask(study: Study, secret: str, format_name: str) -> int:
    with transaction() as session:
        made = exports.ask(
            session, study_id=study.id, format_name=format_name, rounds=Rounds.PREFERENCE, secret=secret, actor=None
        )
        return made.id


def work_off(flag: ShutdownFlag | None = None) -> None:
    for claim in due_jobs(Identity("files", Queue.CPU), ShutdownFlag()):
        attempt(claim, flag or ShutdownFlag(), run)
        if flag is not None:
            return


def line_of(export_id: int) -> exports.ExportLine:
    with transaction() as session:
        return exports.get(session, export_id)


def test_an_export_is_written_stored_and_named_with_its_hash(
    study: Study, artifacts: Artifacts, settings_secret: str
) -> None:
    made = [ask(study, settings_secret, name) for name in ("parquet", "pickapic")]
    work_off()
    one, pick = (line_of(number) for number in made)
    assert (one.state, pick.state) == (JobState.DONE, JobState.DONE)
    assert (one.rows, one.done, one.total) == (5, 5, 5)
    assert (pick.done, pick.total) == (15, 15)
    for line in (one, pick):
        key, size, sha256 = exports.file(line)
        assert len(artifacts.get_bytes(key, sha256)) == size
    folder = artifacts.local_path(exports.file(one)[0])
    assert folder is not None
    assert read_table(folder).num_rows == 5


def test_one_that_is_stopped_leaves_no_file_and_can_be_written_again(
    study: Study, artifacts: Artifacts, settings_secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ask(study, settings_secret, "pickapic")
    read = preference_export.rows

    def stopped_meanwhile(*given, **named):
        if line_of(made).is_at_work:
            with transaction() as session:
                exports.stop(session, export_id=made, actor=None)
        return read(*given, **named)

    monkeypatch.setattr(preference_export, "rows", stopped_meanwhile)
    work_off()
    assert line_of(made).state is JobState.CANCELLED
    assert list(artifacts.keys(f"studies/{study.id}/exports")) == []
    monkeypatch.undo()
    with transaction() as session:
        exports.again(session, export_id=made, actor=None)
    work_off()
    assert line_of(made).state is JobState.DONE


def test_a_worker_that_shuts_down_gives_it_back(study: Study, settings_secret: str) -> None:
    made = ask(study, settings_secret, "csv")
    flag = ShutdownFlag()
    flag.set()
    work_off(flag)
    assert line_of(made).state is JobState.WAITING
    work_off()
    assert line_of(made).state is JobState.DONE


def test_a_worker_with_another_secret_refuses_and_says_what_to_set(
    study: Study, settings_secret: str, active: Settings
) -> None:
    made = ask(study, settings_secret, "jsonl")
    with activate(active.with_values(secret_key="another secret that is long enough")):
        work_off()
    line = line_of(made)
    assert line.state is JobState.FAILED
    assert "TASTEMAKER_SECRET_KEY" in (line.error or "")


def test_a_picture_that_is_gone_fails_the_export_with_the_reason(
    study: Study, artifacts: Artifacts, settings_secret: str
) -> None:
    made = ask(study, settings_secret, "rapidata")
    gone = ask(study, settings_secret, "dataset")
    for key in list(artifacts.keys("samples")):
        artifacts.delete(key)
    work_off()
    assert line_of(made).state is JobState.DONE  # nobody's pairs were decided by two
    line = line_of(gone)
    assert line.state is JobState.WAITING  # tried again in a while
    assert "is not there" in (line.error or "")


def test_its_file_is_counted_kept_by_the_clean_up_and_goes_with_it(
    study: Study, artifacts: Artifacts, settings_secret: str
) -> None:
    made = ask(study, settings_secret, "csv")
    work_off()
    key, size, _ = exports.file(line_of(made))
    with transaction() as session:
        assert disk.count(session, study.id).other == size
        assert key in unnamed.named(session, study.id, None)
        assert (f"studies/{study.id}/exports", None) in unnamed.folders(session, study.id)
        clean_up.ask(session, keep=0, actor=None)
    work_off()
    assert artifacts.exists(key)
    with transaction() as session:
        assert exports.remove(session, artifacts, export_id=made, actor=None) == study.id
    assert not artifacts.exists(key)
    with transaction() as session:
        assert session.get(Export, made) is None
        assert disk.count(session, study.id).other == 0


def test_no_more_than_five_of_a_study_are_at_work(study: Study, settings_secret: str) -> None:
    made = [ask(study, settings_secret, "csv") for _ in range(exports.MOST_AT_WORK)]
    with pytest.raises(TooMany):
        ask(study, settings_secret, "csv")
    with transaction() as session:
        job = session.get_one(Job, session.get_one(Export, made[0]).job_id)
        assert (job.kind, job.queue, job.study_id) == (JobKind.EXPORT, Queue.CPU, study.id)
        exports.stop(session, export_id=made[0], actor=None)
    ask(study, settings_secret, "csv")
