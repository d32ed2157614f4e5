"""The client in front of the real site: what workers do for someone. What a worker does is done by hand here."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db import transaction
from app.models import Import as ImportRow
from app.models import Job, JobState, Queue, Scoring, TryIt
from app.models import Role as Who
from app.services import import_formats, import_run, jobs
from app.settings import activate
from tastemaker.client import Client, Conflict, ImportFailed, ScoringFailed, TooMany
from tests import builders
from tests.browser.conftest import Site
from tests.browser.places.agreement import judged
from tests.importing import Quiet, paper_folder, parquet_file, row

As = Callable[..., Client]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files of ten choices each, the second with a row that cannot be used."""
    rows = [row(number) for number in range(20)]
    rows[15] = row(15, jpg_0=b"no picture")
    return [parquet_file(tmp_path / f"{name}.parquet", rows[at : at + 10]) for name, at in (("a", 0), ("b", 10))]


@pytest.fixture
def hands(site: Site) -> Iterator[Path]:
    """A folder of the paper's code in the data folder."""
    folder = site.settings.data_dir / import_formats.FOLDER / "hands"
    yield paper_folder(folder)
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def model(site: Site) -> None:
    with transaction(site.sessions) as session:
        builders.base_model(session)


def test_files_are_uploaded_read_and_waited_for(site: Site, as_: As, files: list[Path]) -> None:
    admin = as_(Who.ADMIN)
    asked = admin.imports.upload(files, "Theirs", question="Which one?", leave_out_bad=True)
    assert (asked.format, asked.name, asked.state, asked.study) == ("pick-a-pic", "Theirs", "waiting", None)
    with transaction(site.sessions) as session:
        source = session.get_one(ImportRow, asked.id).source
    assert [file["name"] for file in source["uploaded"]] == ["a.parquet", "1-b.parquet"]
    stored = [site.artifacts.get_bytes(file["key"]) for file in source["uploaded"]]
    assert stored == [file.read_bytes() for file in files]
    seen: list[int] = []

    def is_read_meanwhile(now) -> None:
        seen.append(now.rows_read)
        if len(seen) == 2:
            read(site, asked.id, files)

    ended = admin.imports.wait(asked.id, on_progress=is_read_meanwhile, every=0.01, timeout=60)
    assert (seen, ended.rows_read, ended.pairs) == ([0, 0, 20], 20, 19)
    assert sum(ended.left_out.values()) == 1
    assert admin.studies.get(ended.study or 0).question == "Which one?"
    with pytest.raises(Conflict, match="has made a study"):
        admin.imports.remove(asked.id)


def test_an_import_that_was_stopped_goes_on_or_ends_with_what_is_read(site: Site, as_: As, files: list[Path]) -> None:
    class Breaks(Quiet):
        def written(self, done: int, total: int) -> None:
            if done:
                raise ConnectionError("the worker is gone")

    admin = as_(Who.ADMIN)
    asked = admin.imports.upload(str(files[0]), "Theirs")
    with pytest.raises(ConnectionError):
        read(site, asked.id, files[:1], steps=Breaks())
    assert admin.imports.stop(asked.id).state == "cancelled"
    with pytest.raises(ImportFailed, match=rf"^Import {asked.id} is cancelled: it was called off\.$"):
        admin.imports.wait(asked.id)
    assert admin.imports.again(asked.id).state == "waiting"
    with transaction(site.sessions) as session:
        job_id = session.get_one(ImportRow, asked.id).job_id
        jobs.end(session.get_one(Job, job_id), JobState.FAILED, error="The disk is full.")
    with pytest.raises(ImportFailed, match=r"is failed: The disk is full\.$"):
        admin.imports.wait(asked.id)
    assert admin.imports.end(asked.id).ended_at is not None
    ended = admin.imports.wait(asked.id)  # no worker is needed for it any more
    assert (ended.rows_read, admin.rounds.get(ended.round or 0).state) == (10, "complete")


def test_what_lies_in_the_data_folder_is_imported_once_and_removed(site: Site, as_: As, hands: Path) -> None:
    admin = as_(Who.ADMIN)
    (place,) = admin.imports.places()
    assert (place.name, place.format) == ("hands", "paper")
    asked = admin.imports.ask(place.name, "Hands")
    second = admin.imports.ask("hands", "Hands again", question="Which hand?")
    assert [one.id for one in admin.imports.all()] == [second.id, asked.id]
    admin.imports.stop(asked.id)
    admin.imports.remove(asked.id)
    assert [one.id for one in admin.imports.all()] == [second.id]


def test_a_judge_is_sent_through_pictures_and_seen_beside_people(site: Site, as_: As) -> None:
    with transaction(site.sessions) as session:
        study = judged(session, site.artifacts, rounds=2, pairs=12).id
    reading = as_(Who.RESEARCHER)
    assert "brightness" in [judge.name for judge in reading.judges.all()]
    asked = reading.scorings.ask(study, "brightness", key="mine")
    assert reading.scorings.ask(study, "brightness", key="mine").id == asked.id
    assert reading.scorings.stop(asked.id).state == "cancelled"
    with pytest.raises(ScoringFailed, match=r"is cancelled: it was called off\."):
        reading.scorings.wait(asked.id)
    assert reading.scorings.again(asked.id).state == "waiting"
    seen: list[str] = []

    def is_done_meanwhile(now) -> None:
        seen.append(now.state)
        if len(seen) == 2:
            with transaction(site.sessions) as session:
                jobs.end(session.get_one(Job, session.get_one(Scoring, asked.id).job_id), JobState.DONE)

    assert reading.scorings.wait(asked.id, on_progress=is_done_meanwhile, every=0.01, timeout=30).state == "done"
    assert [one.id for one in reading.scorings.all(study)] == [asked.id]
    best = reading.judges.agreement(study)[0]
    assert (best.judge, best.pairs, sum(cell.pairs for cell in best.table)) == ("pickscore", 24, 24)
    newest, oldest = reading.judges.by_round(study, "pickscore")
    assert (newest.number, oldest.number) == (2, 1)
    steps = reading.judges.calibration(study, "pickscore", round=newest.round)
    assert sum(step.preferred.of for step in steps) == newest.pairs == 12
    assert {one.round for one in reading.judges.disputes(study, "jpeg_compressibility", round=oldest.round)} == {
        oldest.round
    }
    assert reading.studies.prompts(study, rounds="all").preference_rounds == 2


def test_a_try_is_drawn_and_its_pictures_are_loaded(site: Site, as_: As) -> None:
    with transaction(site.sessions) as session:
        sample = builders.sample(session, artifacts=site.artifacts)
        study = builders.study(session).id
    admin = as_(Who.ADMIN)
    asked = admin.tries.ask(study=study, prompt="a red fox", sampling={"guidance": 7.5}, seed=3)
    assert (asked.prompt, asked.sampling["guidance"], asked.images) == ("a red fox", 7.5, [])
    with pytest.raises(TimeoutError, match="waiting"):
        admin.tries.wait(asked.id, timeout=0.1, every=0.05)
    with transaction(site.sessions) as session:
        drawn = session.get_one(TryIt, asked.id)
        drawn.pictures = [{"key": sample.webp_key, "width": sample.width, "height": sample.height}]
        jobs.end(session.get_one(Job, drawn.job_id), JobState.DONE)
        picture = site.artifacts.get_bytes(sample.webp_key)
    done = admin.tries.wait(asked.id)
    assert (done.state, [admin.tries.picture(address) for address in done.images]) == ("done", [picture])
    for _ in range(3):
        admin.tries.ask(study=study)
    with pytest.raises(TooMany):
        admin.tries.ask(study=study)


def test_the_house_is_seen_and_a_failed_job_goes_on(site: Site, as_: As) -> None:
    with transaction(site.sessions) as session:
        round_ = builders.round_(session)
        failed = [
            builders.job(session, state=JobState.FAILED, error="no memory", study_id=round_.study_id, **columns).id
            for columns in ({"round_id": round_.id}, {})
        ]
        jobs.see_worker(session, name="gpu/1", queue_name=Queue.ACCELERATOR, device="cuda", version="1", memory=(3, 8))
    house = as_(Who.ADMIN).house
    (worker,) = house.workers()
    assert (worker.name, worker.memory_total, worker.alive, worker.job) == ("gpu/1", 8, True, None)
    assert [(job.id, job.may_retry) for job in house.failed_jobs()] == [(failed[1], False), (failed[0], True)]
    house.retry(failed[0])
    with pytest.raises(Conflict):
        house.retry(failed[1])
    assert {queue.name: (queue.waiting, queue.failed) for queue in house.queues()} == {
        "accelerator": (1, 1), "cpu": (0, 0),
    }  # fmt: skip
    assert house.clean_up(keep=1).keep == 1
    with pytest.raises(Conflict):
        house.clean_up()


def read(site: Site, import_id: int, files: list[Path], *, steps: Quiet | None = None) -> None:
    """What a worker does with an import."""

    def end(session: Session) -> None:
        jobs.end(session.get_one(Job, session.get_one(ImportRow, import_id).job_id), JobState.DONE)

    with activate(site.settings):
        reader = import_formats.opened(import_formats.PICK_A_PIC, files)
        import_run.run(
            lambda: transaction(site.sessions), site.artifacts, reader, import_id,
            own="test-1", steps=steps or Quiet(), end=end,
        )  # fmt: skip
