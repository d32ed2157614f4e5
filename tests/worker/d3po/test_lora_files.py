"""Downloads as others read them: stock diffusers draws the same picture, kohya's readers find what they need."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worker.d3po.tiny import LORA, shaken, tiny_policy
from worker.d3po import Adapter, EvalNoise, GroupSpec, SamplingSettings, load_policy, lora_files, sample_groups
from worker.d3po.adapter import LORA_TARGETS
from worker.d3po.errors import CorruptFileError
from worker.d3po.noise import normal
from worker.d3po.prompts import Prompts
from worker.d3po.tensor_file import tensor_part_sha256, unpack

pytestmark = pytest.mark.xdist_group("lora files")  # the pictures are drawn once

INFO = lora_files.LoraInfo(
    title="Round 3",
    base_model="demo",
    base_model_sha256="ab" * 32,
    width=64,
    height=64,
    seed=7,
    learning_rate=3e-5,
    steps=40,
    started_at=datetime(2026, 11, 1, 12, 0, tzinfo=UTC),
    finished_at=datetime(2026, 11, 1, 12, 30, tzinfo=UTC),
    description="D3PO on 40 choices",
    own={"study": "demo", "round": "3"},
)
PROMPT = "cat face"
STOCK = """
import sys
import numpy as np, torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

torch.set_num_threads(1)
model, folder, out = sys.argv[1:]
x_T = torch.from_numpy(np.load(f"{folder}/x_T.npy"))
pipe = StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32)
pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
pipe.set_progress_bar_config(disable=True)

def draw(name, weights=None, strength=None):
    if weights:
        pipe.load_lora_weights(folder, weight_name=weights, adapter_name="tastemaker")
        if strength is not None:
            pipe.set_adapters("tastemaker", strength)
    drawn = pipe("cat face", latents=x_T, num_inference_steps=20, guidance_scale=5.0, eta=0.0, output_type="np")
    np.save(f"{out}/{name}.npy", (drawn.images[0] * 255).round().astype(np.uint8))
    if weights:
        pipe.unload_lora_weights()

draw("base")
draw("diffusers", "diffusers.safetensors")
draw("kohya", "kohya.safetensors")
draw("half", "diffusers.safetensors", 0.5)
"""


@pytest.fixture(scope="module")
def pictures(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Ours, and those of stock diffusers in a fresh process: the base, both downloads, and half strength."""
    folder = tmp_path_factory.mktemp("lora")
    layers = LORA_TARGETS["transformer"]  # the widest choice, so that every kind of name is written
    policy = shaken(load_policy(str(demo_model), device="cpu").with_fresh_adapter(4, 6.0, layers, 0), by=0.02)
    assert policy.adapter is not None
    (folder / "diffusers.safetensors").write_bytes(lora_files.write_diffusers(policy.adapter, INFO))
    (folder / "kohya.safetensors").write_bytes(lora_files.write_kohya(policy.adapter, INFO))
    spec = GroupSpec(0, PROMPT, EvalNoise(0, 0, 0), samples=1)
    np.save(folder / "x_T.npy", normal(spec.noise.initial(), policy.latent_shape())[None].numpy())
    settings = SamplingSettings(eta=0.0, storage="fp32")
    ours = next(sample_groups(policy, [spec], settings, batch=1, trajectories=False)).image
    subprocess.run([sys.executable, "-c", STOCK, str(demo_model), str(folder), str(folder)], check=True)
    stock = {name: np.load(folder / f"{name}.npy") for name in ("base", "diffusers", "kohya", "half")}
    return {"ours": ours} | stock


@pytest.mark.parametrize("download", ["diffusers", "kohya"])
def test_stock_diffusers_draws_our_picture_from_the_download(pictures: dict[str, np.ndarray], download: str) -> None:
    assert same_picture(pictures["ours"], pictures[download])


@pytest.mark.parametrize("other", ["base", "half"])
def test_the_base_alone_and_half_strength_do_not(pictures: dict[str, np.ndarray], other: str) -> None:
    assert not same_picture(pictures["ours"], pictures[other])


def same_picture(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one.astype(int) - other.astype(int)).max() <= 2)


@pytest.fixture(scope="module")
def adapter() -> Adapter:
    """An adapter whose alpha is not its rank."""
    made = shaken(tiny_policy().with_fresh_adapter(4, 6.0, LORA[2], 0)).adapter
    assert made is not None
    return made


def test_a_large_scale_is_multiplied_into_the_weights_of_a_kohya_file_so_that_half_precision_keeps_them(
    adapter: Adapter,
) -> None:
    large = Adapter(adapter.tensors, adapter.rank, 128.0 * adapter.rank)
    tensors, metadata = unpack(lora_files.write_kohya(large, INFO), "kohya")
    assert {float(t) for name, t in tensors.items() if name.endswith(".alpha")} == {float(adapter.rank)}
    assert metadata["ss_network_alpha"] == str(float(adapter.rank))
    ups = [t for name, t in tensors.items() if name.endswith("lora_up.weight")]
    own = [t for name, t in adapter.tensors.items() if ".lora_B." in name]
    assert sum(float(t.sum()) for t in ups) == pytest.approx(128 * sum(float(t.sum()) for t in own), rel=1e-5)


def test_kohya_names_have_underscores_down_up_and_the_true_alpha(adapter: Adapter) -> None:
    tensors, _ = unpack(lora_files.write_kohya(adapter, INFO), "kohya")
    module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    assert tensors[f"{module}.lora_down.weight"].shape[0] == 4
    assert tensors[f"{module}.lora_up.weight"].shape[1] == 4
    assert "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0.alpha" in tensors
    alphas = [tensor for name, tensor in tensors.items() if name.endswith(".alpha")]
    assert len(alphas) == len(adapter.modules)
    assert all(alpha.shape == () and alpha == 6.0 for alpha in alphas)
    assert len(tensors) == 3 * len(adapter.modules)


def test_kohya_metadata_say_what_a1111_and_the_model_spec_ask_for(adapter: Adapter) -> None:
    data = lora_files.write_kohya(adapter, INFO)
    _, metadata = unpack(data, "kohya")
    assert (
        metadata
        | {
            "ss_base_model_version": "sd_v1",
            "ss_v2": "False",
            "ss_network_module": "networks.lora",
            "ss_network_dim": "4",
            "ss_network_alpha": "6.0",
            "ss_output_name": "Round 3",
            "ss_seed": "7",
            "ss_learning_rate": "3e-05",
            "ss_max_train_steps": "40",
            "ss_training_started_at": "1793534400.0",
            "modelspec.sai_model_spec": "1.0.1",
            "modelspec.architecture": "stable-diffusion-v1/lora",
            "modelspec.implementation": "diffusers",
            "modelspec.title": "Round 3",
            "modelspec.resolution": "64x64",
            "modelspec.date": "2026-11-01T12:30:00+00:00",
            "modelspec.prediction_type": "epsilon",
            "modelspec.hash_sha256": f"0x{tensor_part_sha256(data)}",
            "tastemaker.study": "demo",
            "tastemaker.round": "3",
        }
        == metadata
    )


def test_an_sd2_model_with_v_prediction_is_told_apart(adapter: Adapter) -> None:
    info = replace(INFO, family="sd2", prediction_type="v_prediction")
    _, metadata = unpack(lora_files.write_kohya(adapter, info), "kohya")
    assert (metadata["ss_v2"], metadata["ss_base_model_version"]) == ("True", "sd_v2_v")
    assert metadata["modelspec.architecture"] == "stable-diffusion-v2-768-v/lora"
    assert metadata["modelspec.prediction_type"] == "v"


def test_a_file_is_the_same_bytes_every_time(adapter: Adapter) -> None:
    assert lora_files.write_kohya(adapter, INFO) == lora_files.write_kohya(adapter, INFO)
    assert lora_files.write_diffusers(adapter, INFO) == lora_files.write_diffusers(adapter, INFO)


def test_a_peft_folder_comes_back_as_the_same_adapter(adapter: Adapter) -> None:
    files = lora_files.write_peft(adapter, INFO)
    config = json.loads(files["adapter_config.json"])
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 4, 6.0)
    back = lora_files.read_peft(files["adapter_config.json"], files["adapter_model.safetensors"])
    assert back.identity == adapter.identity


def test_peft_itself_loads_the_folder(adapter: Adapter, tmp_path: Path) -> None:
    from peft import PeftModel

    for name, data in lora_files.write_peft(adapter, INFO).items():
        (tmp_path / name).write_bytes(data)
    model = PeftModel.from_pretrained(tiny_policy().unet, tmp_path)
    x, timestep, prompt = torch.ones(1, 4, 8, 8), torch.tensor([500]), torch.ones(1, 16, 16)
    with torch.no_grad():
        theirs = model(x, timestep, prompt, return_dict=False)[0]
        ours = tiny_policy().with_adapter(adapter)._output(x, timestep, Prompts(prompt))
    torch.testing.assert_close(ours, theirs)


def test_a_diffusers_file_comes_back_with_its_scale_in_b(adapter: Adapter) -> None:
    back = lora_files.read_diffusers(lora_files.write_diffusers(adapter, INFO))
    assert (back.rank, back.alpha) == (4, 4.0)
    for name, tensor in adapter.tensors.items():
        torch.testing.assert_close(back.tensors[name], tensor * (1.5 if ".lora_B." in name else 1))


def test_a_damaged_download_is_refused(adapter: Adapter) -> None:
    files = lora_files.write_peft(adapter, INFO)
    with pytest.raises(CorruptFileError, match="half-written"):
        lora_files.read_peft(files["adapter_config.json"], files["adapter_model.safetensors"][:-1])
    with pytest.raises(CorruptFileError, match="r and lora_alpha"):
        lora_files.read_peft(b"{}", files["adapter_model.safetensors"])
