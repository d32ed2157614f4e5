"""SD 1.x, SD 2.x and SDXL, epsilon and v prediction: loaded, drawn, trained and downloaded as stock diffusers does."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worker.d3po import pipelines
from tests.worker.d3po.tiny import LORA, draw, groups, prefer_first, shaken, tiny_policy
from worker.d3po import EvalNoise, GroupSpec, SamplingSettings, TrainingSettings, load_policy, sample_groups, train
from worker.d3po.errors import ModelError
from worker.d3po.lora_files import LoraInfo, write_diffusers, write_kohya
from worker.d3po.noise import normal
from worker.d3po.tensor_file import unpack

pytestmark = pytest.mark.xdist_group("families")  # the pipelines are saved once

KINDS = [(family, prediction) for family in ("sd1", "sd2", "sdxl") for prediction in ("epsilon", "v_prediction")]
STOCK = """
import sys
import numpy as np, torch
from diffusers import DDIMScheduler, DiffusionPipeline

torch.set_num_threads(1)
folder, *models = sys.argv[1:]
x_T = torch.from_numpy(np.load(f"{folder}/x_T.npy"))
for model in models:
    pipe = DiffusionPipeline.from_pretrained(f"{folder}/{model}", torch_dtype=torch.float32)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)

    def draw(name, weights=None):
        if weights:
            pipe.load_lora_weights(folder, weight_name=f"{model}-{weights}.safetensors", adapter_name="tastemaker")
        drawn = pipe("cat face", latents=x_T, num_inference_steps=10, guidance_scale=5.0, eta=0.0, output_type="np")
        np.save(f"{folder}/{model}-{name}.npy", (drawn.images[0] * 255).round().astype(np.uint8))
        if weights:
            pipe.unload_lora_weights()

    draw("base")
    draw("diffusers", "diffusers")
    draw("kohya", "kohya")
"""
Pictures = dict[tuple[str, str], np.ndarray]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """By model and name: ours without and with an adapter, and stock diffusers' without and with each download."""
    folder = tmp_path_factory.mktemp("families")
    spec = GroupSpec(0, "cat face", EvalNoise(0, 0, 0), samples=1)
    settings = SamplingSettings(steps=10, eta=0.0, storage="fp32")
    found: Pictures = {}
    for family, prediction in KINDS:
        model = f"{family}-{prediction}"
        policy = load_policy(str(pipelines.save(folder / model, family, prediction)), device="cpu")
        assert (policy.base.family if family == "sdxl" else family) == family
        found[model, "ours"] = next(sample_groups(policy, [spec], settings, batch=1, trajectories=False)).image
        adapter = shaken(policy.with_fresh_adapter(4, 6.0, LORA[2], 0)).adapter
        assert adapter is not None
        info = LoraInfo(title="Tiny", family=family, prediction_type=prediction)
        (folder / f"{model}-diffusers.safetensors").write_bytes(write_diffusers(adapter, info))
        (folder / f"{model}-kohya.safetensors").write_bytes(write_kohya(adapter, info))
        found[model, "tuned"] = next(sample_groups(policy, [spec], settings, batch=1, trajectories=False)).image
    np.save(folder / "x_T.npy", normal(spec.noise.initial(), policy.latent_shape())[None].numpy())
    models = [f"{family}-{prediction}" for family, prediction in KINDS]
    subprocess.run([sys.executable, "-c", STOCK, str(folder), *models], check=True)
    return found | {
        (model, name): np.load(folder / f"{model}-{name}.npy")
        for model in models
        for name in ("base", "diffusers", "kohya")
    }


def apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.slow
@pytest.mark.parametrize(("family", "prediction"), KINDS)
def test_stock_diffusers_draws_our_picture_from_base_and_from_downloads(
    pictures: Pictures, family: str, prediction: str
) -> None:
    model = f"{family}-{prediction}"
    assert apart(pictures[model, "ours"], pictures[model, "base"]) <= 2
    for download in ("diffusers", "kohya"):
        assert apart(pictures[model, "tuned"], pictures[model, download]) <= 2
    assert apart(pictures[model, "tuned"], pictures[model, "ours"]) > 2


@pytest.mark.parametrize(("family", "prediction"), KINDS)
def test_training_finds_the_stored_log_probabilities_again_and_learns(family: str, prediction: str) -> None:
    policy = tiny_policy(family=family, prediction=prediction)
    trajectories = draw(policy, groups(4))
    settings = TrainingSettings(learning_rate=1e-2, max_step_gain=None, measure_every=0, inner_epochs=3)
    losses: list[float] = []
    result = train(
        policy, prefer_first(4), trajectories.__getitem__, settings, on_step=lambda metrics: losses.append(metrics.loss)
    )
    assert result.checks.largest_difference < 1e-4
    assert result.checks.largest_r == 0
    assert result.checks.first_loss == pytest.approx(math.log(2), abs=1e-6)
    assert losses[-1] < losses[0]
    assert policy.identity == result.adapter_identity != "off"


def test_the_same_batch_gives_the_stored_log_probability_to_the_bit() -> None:
    from tests.worker.d3po.test_sampling import recomputed

    policy = tiny_policy(family="sdxl")
    records = list(sample_groups(policy, groups(2), SamplingSettings(steps=4, guidance=3.0), batch=4))
    for step in range(4):
        stored = torch.stack([r.trajectory.log_probs[step] for r in records if r.trajectory is not None])
        assert torch.equal(recomputed(policy, records, step), stored)


def test_sdxl_is_told_the_size_it_draws() -> None:
    policy = tiny_policy(family="sdxl")
    spec = GroupSpec(0, "cat face", EvalNoise(0, 0, 0), samples=1)

    def drawn(height: int, width: int) -> np.ndarray:
        settings = SamplingSettings(steps=2, eta=0.0, height=height, width=width)
        return next(sample_groups(policy, [spec], settings, batch=1, trajectories=False)).image

    assert drawn(16, 24).shape == (16, 24, 3)
    told = policy._beside(torch.zeros(2, 4, 8, 12), policy.encode("owl").alone.repeated(2))
    assert told is not None
    assert told["time_ids"].tolist() == [[16, 24, 0, 0, 16, 24]] * 2


def test_an_empty_negative_prompt_is_zeros_where_sdxl_was_trained_so() -> None:
    policy = tiny_policy(family="sdxl")
    empty, blurry = policy.encode_negative(""), policy.encode_negative("blurry")
    assert empty.pooled is not None
    assert not empty.embedding.any()
    assert not empty.pooled.any()
    assert torch.equal(blurry.embedding, policy.encode("blurry").embedding)
    assert policy.encode("").embedding.any()
    assert torch.equal(tiny_policy().encode_negative("").embedding, tiny_policy().encode("").embedding)


def test_a_refiner_is_refused(tmp_path: Path) -> None:
    folder = pipelines.save(tmp_path / "refiner", "sdxl")
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"addition_time_embed_dim": 5}))
    with pytest.raises(ModelError, match=r"cannot be loaded|other conditions"):
        load_policy(str(folder), device="cpu")


def test_kohya_s_readers_tell_sdxl_by_its_metadata() -> None:
    adapter = shaken(tiny_policy(family="sdxl")).adapter
    assert adapter is not None
    info = LoraInfo(title="Tiny", family="sdxl")
    _, metadata = unpack(write_kohya(adapter, info), "kohya")
    assert (metadata["ss_base_model_version"], metadata["ss_v2"]) == ("sdxl_base_v1-0", "False")
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
