"""A worker checks what an admin named: SD 1.x, 2.x and SDXL with random weights, and what is none of them."""

import json
from pathlib import Path

import pytest

from app.artifacts import Artifacts
from app.db import transaction
from app.models import BaseModel, CheckState, JobState, ModelCheck, ModelFamily
from app.services import house, job_moves, model_checks
from app.settings import Settings
from tests.worker import rooms
from tests.worker.d3po import pipelines


def checked(source: Path | str) -> ModelCheck:
    """The check of `source` after a worker has done what is due."""
    with transaction() as session:
        check = model_checks.ask(session, source=str(source), actor=None)
    rooms.work_off()
    with transaction() as session:
        return session.get_one(ModelCheck, check.id)


@pytest.mark.parametrize(("family", "prediction"), [("sd1", "v_prediction"), ("sdxl", "epsilon")])
def test_a_pipeline_is_let_in_with_its_facts_and_a_test_picture(
    active: Settings, artifacts: Artifacts, tmp_path: Path, family: str, prediction: str
) -> None:
    check = checked(pipelines.save(tmp_path / "model", family, prediction))
    assert (check.state, check.reason) == (CheckState.READY, None)
    with transaction() as session:
        model = session.get_one(BaseModel, check.base_model_id)
    assert (model.family, model.prediction_type, model.image_size) == (ModelFamily(family), prediction, 16)
    assert {path.split("/")[0] for path in model.files} >= {"unet", "vae", "text_encoder"}
    assert ("text_encoder_2/model.safetensors" in model.files) == (family == "sdxl")
    measured = check.facts
    assert 0 < measured["unet_parameters"] < measured["parameters"]
    assert measured["memory_weights"] >= 4 * measured["parameters"]
    assert measured["bytes"] == sum(file["size"] for file in model.files.values())
    assert check.picture is not None
    data = artifacts.get_bytes(check.picture["key"], check.picture["sha256"])
    assert data[8:12] == b"WEBP"


def test_what_is_no_pipeline_is_refused_with_the_reason_and_checked_again_once_it_is_one(
    active: Settings, tmp_path: Path
) -> None:
    folder = pipelines.save(tmp_path / "model", "sd1")
    index = folder / "model_index.json"
    was = index.read_text()
    index.write_text(json.dumps(json.loads(was) | {"_class_name": "FluxPipeline"}))
    check = checked(folder)
    assert check.state is CheckState.REFUSED
    assert "FluxPipeline, which cannot be trained yet" in (check.reason or "")
    index.write_text(was)
    with transaction() as session:
        (failed,) = house.failed(session)
        assert failed.may_retry
        job_moves.retry(session, job_id=failed.id, actor=None)
    rooms.work_off()
    with transaction() as session:
        assert session.get_one(ModelCheck, check.id).state is CheckState.READY
        assert rooms.job_of(failed.kind).state is JobState.DONE


def test_a_folder_that_the_worker_does_not_have_is_refused(active: Settings) -> None:
    check = checked("/nowhere/at/all")
    assert (check.state, check.reason is not None and "no folder" in check.reason) == (CheckState.REFUSED, True)
