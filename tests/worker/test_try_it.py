"""Trying settings out, with the real demo model and the real worker's code."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import transaction
from app.models import BaseModel, Job, JobKind, JobState, Queue, TryIt
from app.services import base_models, sweep, tries, try_views
from app.services.try_views import Trying
from app.settings import Settings
from app.study_settings import SamplingSettings
from tests.worker import rooms
from worker.images import pixels


def ask(demo_model: Path, *, seed: int | None = 7, **sampling: object) -> int:
    with transaction() as session:
        model = base_models.register(session, source=str(demo_model), actor=None)
        wanted = SamplingSettings.model_validate({"steps": 3, **sampling})
        row = tries.ask(
            session, base_model_id=model.id, prompt="cat face", sampling=wanted, seed=seed, actor=None
        )  # fmt: skip
        return row.id


def look(try_id: int) -> Trying:
    with transaction() as session:
        return try_views.view(session, try_id)


def test_two_pictures_are_drawn_before_anything_else_that_waits(
    active: Settings, artifacts: Artifacts, demo_model: Path
) -> None:
    rooms.launch(rooms.make_study(demo_model))
    try_id = ask(demo_model)
    assert look(try_id).state is JobState.WAITING

    (claim,) = rooms.work_off(most=1)

    assert claim.kind is JobKind.TRY_IT
    found = look(try_id)
    assert (found.state, found.error, found.done, found.total) == (JobState.DONE, None, 3, 3)
    assert found.seconds
    assert found.loading_seconds is not None
    first, second = (pixels(artifacts.get_bytes(picture.key)) for picture in found.pictures)
    assert first.shape == second.shape == (64, 64, 3)
    assert (first != second).any(), "the two differ in the noise of their steps"


def test_the_same_seed_gives_the_same_pictures_and_other_settings_others(
    active: Settings, artifacts: Artifacts, demo_model: Path
) -> None:
    ids = [ask(demo_model), ask(demo_model), ask(demo_model, guidance=9)]
    rooms.work_off()
    same, again, other = (artifacts.get_bytes(look(number).pictures[0].key) for number in ids)
    assert same == again
    assert same != other


def test_what_cannot_be_drawn_says_why(active: Settings, demo_model: Path) -> None:
    try_id = ask(demo_model)
    with transaction() as session:
        model = session.scalars(select(BaseModel)).one()
        model.files = {name: {**file, "size": 1} for name, file in model.files.items()}
    rooms.work_off()
    found = look(try_id)
    assert (found.state, found.pictures) == (JobState.FAILED, [])
    assert "safetensors" in (found.error or "")
    assert rooms.stored_files() == set()


def test_a_try_is_swept_after_a_day_with_its_files(active: Settings, demo_model: Path) -> None:
    old, new = ask(demo_model), ask(demo_model)
    rooms.work_off()
    with transaction() as session:
        session.get_one(TryIt, old).created_at -= timedelta(hours=25)
    keys = {picture.key for picture in look(new).pictures}
    assert len(rooms.stored_files()) == 4

    assert sweep.sweep()

    with transaction() as session:
        assert session.scalars(select(TryIt.id)).all() == [new]
    assert rooms.stored_files() == keys


def test_one_that_nobody_drew_for_a_day_is_called_off(active: Settings, demo_model: Path) -> None:
    try_id = ask(demo_model)
    with transaction() as session:
        session.get_one(TryIt, try_id).created_at -= timedelta(hours=25)
    sweep.sweep()
    with transaction() as session:
        (job,) = session.scalars(select(Job).where(Job.queue == Queue.ACCELERATOR))
    assert job.state is JobState.CANCELLED
    assert rooms.work_off() == []
