import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import ModelFamily
from app.paths import DEMO
from app.services import base_models


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO / "model", tmp_path / "model"))


def test_the_demo_model_is_read_and_pinned(db: Session) -> None:
    model = base_models.register(db, source=str(DEMO / "model"), actor=None)
    assert (model.family, model.prediction_type, model.token_limit, model.image_size) == (
        ModelFamily.SD1, "epsilon", 16, 64,
    )  # fmt: skip
    assert set(model.files) == {
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    }
    assert base_models.register(db, source=str(DEMO / "model"), actor=None) is model


def test_other_weights_in_the_same_folder_are_another_model(db: Session, pipeline: Path) -> None:
    before = base_models.register(db, source=str(pipeline), actor=None)
    with (pipeline / "unet/diffusion_pytorch_model.safetensors").open("ab") as file:
        file.write(b"\0")
    assert base_models.register(db, source=str(pipeline), actor=None).id != before.id


def test_what_is_no_pipeline_is_refused_with_what_is_missing(db: Session, pipeline: Path, tmp_path: Path) -> None:
    def refused(said: str, source: Path | str = pipeline) -> None:
        with pytest.raises(BadInput, match=said):
            base_models.register(db, source=str(source), actor=None)

    refused("no folder", tmp_path / "nowhere")
    refused("No base model was given", " ")
    (tmp_path / "empty").mkdir()
    refused("no model_index.json", tmp_path / "empty")
    (pipeline / "unet/diffusion_pytorch_model.safetensors").unlink()
    refused("no safetensors weights for its unet")
    shutil.rmtree(pipeline / "vae")
    refused("lacks its vae")
    (pipeline / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    refused("FluxPipeline, which cannot be trained yet")
    (pipeline / "model_index.json").write_text("{")
    refused("cannot be read")
