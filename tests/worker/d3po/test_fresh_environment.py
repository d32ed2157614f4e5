"""The three downloads where torch, diffusers, transformers and peft are installed afresh, and nothing of ours."""

import os
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest

from app.paths import ROOT
from tests.worker.d3po import pipelines
from tests.worker.d3po.tiny import LORA, shaken
from worker.d3po import (
    EvalNoise,
    GroupSpec,
    LoraInfo,
    SamplingSettings,
    load_policy,
    sample_groups,
    write_diffusers,
    write_kohya,
    write_peft,
)
from worker.d3po.noise import normal

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("fresh environment")]

NEEDED = ("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors")
FAMILIES = ("sd1", "sdxl")
DOWNLOADS = ("diffusers", "kohya", "peft")
PROGRAM = """
import importlib.util, sys
import numpy as np, torch
from diffusers import DDIMScheduler, DiffusionPipeline
from peft import PeftModel

assert not any(importlib.util.find_spec(name) for name in ("app", "worker", "tastemaker", "fastapi", "sqlalchemy"))
torch.set_num_threads(1)
for family in sys.argv[1:]:
    x_T = torch.from_numpy(np.load(f"{family}-x_T.npy"))
    for download in ("base", "diffusers", "kohya", "peft"):
        pipe = DiffusionPipeline.from_pretrained(family, torch_dtype=torch.float32)
        pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
        pipe.set_progress_bar_config(disable=True)
        if download == "peft":
            pipe.unet = PeftModel.from_pretrained(pipe.unet, f"{family}-peft")
        elif download != "base":
            pipe.load_lora_weights(".", weight_name=f"{family}-{download}.safetensors")
        drawn = pipe("cat face", latents=x_T, num_inference_steps=10, guidance_scale=5.0, eta=0.0, output_type="np")
        np.save(f"{family}-{download}.npy", (drawn.images[0] * 255).round().astype(np.uint8))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of the fresh environment."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    ran = subprocess.run(
        [*command, "--constraint", ROOT / "constraints.txt", *NEEDED],
        env=bare(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def pictures(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Ours by family, and the fresh environment's by family and download."""
    folder = tmp_path_factory.mktemp("downloads")
    spec = GroupSpec(0, "cat face", EvalNoise(0, 0, 0), samples=1)
    settings = SamplingSettings(steps=10, eta=0.0, storage="fp32")
    found: dict[str, np.ndarray] = {}
    for family in FAMILIES:
        policy = load_policy(str(pipelines.save(folder / family, family)), device="cpu")
        adapter = shaken(policy.with_fresh_adapter(4, 6.0, LORA[2], 0)).adapter
        assert adapter is not None
        found[family] = next(sample_groups(policy, [spec], settings, batch=1, trajectories=False)).image
        info = LoraInfo(title="Tiny", family=family)
        (folder / f"{family}-diffusers.safetensors").write_bytes(write_diffusers(adapter, info))
        (folder / f"{family}-kohya.safetensors").write_bytes(write_kohya(adapter, info))
        (folder / f"{family}-peft").mkdir()
        for name, data in write_peft(adapter, info).items():
            (folder / f"{family}-peft" / name).write_bytes(data)
        np.save(folder / f"{family}-x_T.npy", normal(spec.noise.initial(), policy.latent_shape())[None].numpy())
    ran = subprocess.run(
        [python, "-c", PROGRAM, *FAMILIES], cwd=folder, env=bare(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return found | {path.stem: np.load(path) for path in folder.glob("*.npy")}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("download", DOWNLOADS)
def test_a_download_draws_our_picture_in_a_fresh_environment(
    pictures: dict[str, np.ndarray], family: str, download: str
) -> None:
    assert apart(pictures[family], pictures[f"{family}-{download}"]) <= 2
    assert apart(pictures[family], pictures[f"{family}-base"]) > 2


def apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def bare() -> dict[str, str]:
    """The environment without what leads to this project's own packages."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
