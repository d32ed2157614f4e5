"""A whole round on a small SDXL pipeline: registered, drawn, answered, trained, downloaded, drawn again from it."""

from pathlib import Path

import pytest
from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import transaction
from app.models import BaseModel, Checkpoint, Event, ModelFamily, RoundState, Sample
from app.settings import Settings
from tests.worker import rooms
from tests.worker.d3po import pipelines
from worker.d3po.tensor_file import unpack


@pytest.mark.slow
def test_a_round_on_sdxl_goes_from_pictures_to_a_checkpoint(
    active: Settings, artifacts: Artifacts, tmp_path: Path
) -> None:
    study = rooms.make_study(pipelines.save(tmp_path / "model", "sdxl", "v_prediction"))
    round_ = rooms.begin_training(study)
    rooms.work_off()
    assert rooms.fresh(round_).state is RoundState.COMPLETE
    with transaction() as session:
        model = session.get_one(BaseModel, study.base_model_id)
        checkpoint = session.scalars(select(Checkpoint)).one()
        checks = session.scalars(select(Event.details).where(Event.what == "training.checked")).one()
        drawn_from_it = session.scalars(select(Sample).where(Sample.checkpoint_id == checkpoint.id)).all()
    assert (model.family, model.prediction_type) == (ModelFamily.SDXL, "v_prediction")
    assert checks["largest_difference"] < 1e-4
    stored = checkpoint.files["kohya"]
    tensors, metadata = unpack(artifacts.get_bytes(stored["key"], stored["sha256"]), "kohya")
    assert metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert any(name.startswith("lora_unet_down_blocks") for name in tensors)
    assert len(drawn_from_it) > 0
