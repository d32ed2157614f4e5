import shutil
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.artifacts import Stored
from app.errors import BadInput, Conflict
from app.models import CheckState, Event, Job, JobKind, JobState, ModelCheck, Queue
from app.paths import DEMO
from app.services import base_models, jobs, model_checks
from app.services.model_checks import Checked
from tests import builders

FOLDER = DEMO / "model"
PICTURE = Stored("models/checks/1-1/picture.webp", 10, "ab" * 32)


def claimed(db: Session) -> jobs.Claim:
    claim = jobs.claim(db, queue_name=Queue.ACCELERATOR, worker="gpu", lease_seconds=9)
    assert claim is not None
    assert claim.kind is JobKind.MODEL_CHECK
    return claim


def found() -> Checked:
    return Checked(FOLDER, "", base_models.inspect(FOLDER), {"parameters": 5, "prompt": "owl"}, PICTURE, 64, 64)


def test_a_pipeline_is_asked_for_checked_and_let_in(db: Session) -> None:
    admin = builders.user(db)
    check = model_checks.ask(db, source=f" {FOLDER} ", name="Emoji", actor=admin)
    assert (check.state, check.source, check.revision) == (CheckState.CHECKING, str(FOLDER), "")
    assert model_checks.ask(db, source=str(FOLDER), actor=None) is check
    assert [line.id for line in model_checks.registry(db).checks] == [check.id]
    model = model_checks.let_in(db, claimed(db), found())
    db.flush()
    assert (model.name, model.source, check.state, check.base_model_id) == (
        "Emoji",
        str(FOLDER),
        CheckState.READY,
        model.id,
    )
    registry = model_checks.registry(db)
    assert registry.checks == []
    (line,) = registry.models
    assert (line.measured["parameters"], line.picture.key if line.picture else "") == (5, PICTURE.key)
    assert line.bytes == sum(file.stat().st_size for file in FOLDER.rglob("*.safetensors"))
    said = [event.what for event in db.query(Event).order_by(Event.id)]
    assert said == ["model_check.asked", "base_model.registered", "model_check.ready"]


def test_a_model_that_is_registered_already_is_measured_and_stays_one(db: Session) -> None:
    before = base_models.register(db, source=str(FOLDER), actor=None)
    model_checks.ask(db, source=str(FOLDER), actor=None)
    assert model_checks.let_in(db, claimed(db), found()) is before
    builders.study(db, base_model_id=before.id)
    assert [(line.id, line.studies) for line in model_checks.registry(db).models] == [(before.id, 1)]


def test_a_refused_one_tells_why_and_can_be_taken_off_the_list(db: Session) -> None:
    check = model_checks.ask(db, source="owner/flux", revision="main", actor=None)
    with pytest.raises(Conflict):
        model_checks.forget(db, check_id=check.id, actor=None)
    jobs.end(db.get_one(Job, check.job_id), JobState.FAILED, error="a FluxPipeline")
    model_checks.refuse(db, job_id=check.job_id or 0, reason="a FluxPipeline")
    db.flush()
    assert [line.reason for line in model_checks.registry(db).checks] == ["a FluxPipeline"]
    model_checks.forget(db, check_id=check.id, actor=None)
    db.flush()
    assert db.query(ModelCheck).count() == 0
    assert db.query(Job).one().state is JobState.CANCELLED


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"source": " "}, "source"),
        ({"source": "no folder"}, "source"),
        ({"source": "owner/name", "revision": "a b"}, "revision"),
        ({"source": "owner/name", "name": "n" * 201}, "name"),
    ],
)
def test_what_is_neither_folder_nor_hub_id_is_not_asked_for(db: Session, given: dict[str, str], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        model_checks.ask(db, actor=None, **given)  # type: ignore[arg-type]
    assert field in refused.value.fields


def test_a_folder_is_known_by_its_files_sizes(db: Session, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "model"))
    assert base_models.known(db, source=str(folder)) is None
    model = base_models.register(db, source=str(folder), actor=None)
    assert base_models.known(db, source=str(folder)) is model
    with (folder / "unet/diffusion_pytorch_model.safetensors").open("ab") as file:
        file.write(b"\0")
    assert base_models.known(db, source=str(folder)) is None


def test_a_hub_id_is_known_by_its_commit_or_by_what_a_check_resolved(db: Session) -> None:
    commit = "a" * 40
    model = builders.base_model(db, source="owner/name", revision=commit)
    db.add(ModelCheck(name="n", source="owner/name", revision="main", state=CheckState.READY, base_model_id=model.id))
    db.flush()
    assert base_models.known(db, source="owner/name", revision=commit) is model
    assert base_models.known(db, source="owner/name", revision="main") is model
    assert base_models.known(db, source="owner/name") is None


def test_somebody_who_waits_gets_a_small_folder_and_what_is_known_at_once(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_models, "AT_ONCE", 1)
    with pytest.raises(BadInput, match="not registered yet"):
        base_models.register_at_once(db, source=str(FOLDER), actor=None)
    with pytest.raises(BadInput, match="a worker fetches"):
        base_models.register_at_once(db, source="owner/name", actor=None)
    with pytest.raises(BadInput, match="no folder"):
        base_models.register_at_once(db, source="/nowhere", actor=None)
    monkeypatch.undo()
    model = base_models.register_at_once(db, source=str(FOLDER), actor=None)
    monkeypatch.setattr(base_models, "AT_ONCE", 1)
    assert base_models.register_at_once(db, source=str(FOLDER), actor=None) is model
