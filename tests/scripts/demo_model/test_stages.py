"""The whole recipe on tiny pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors import safe_open

from scripts.demo_model import metrics, stages
from scripts.demo_model.errors import DemoModelError
from scripts.demo_model.latents import load_latents
from tests.scripts.demo_model.tiny import SIZE, do, tiny_run


def test_every_phase_takes_its_steps_and_records_held_out_figures(finished: stages.Run) -> None:
    rows = metrics.read(finished.around.metrics)
    assert [(row["phase"], row["step"]) for row in rows] == [
        (phase, step) for phase in ("vae", "unet-all", "unet-narrow") for step in (4, 6)
    ]
    assert all(row["held_out_psnr"] > 0 for row in rows[:2])
    assert all(row["held_out_noise_error"] > 0 for row in rows[2:])


def test_each_checkpoint_has_a_sheet_of_pictures(finished: stages.Run) -> None:
    for phase in ("vae", "unet-all", "unet-narrow"):
        with Image.open(finished.around.sheet(phase, 6)) as sheet:
            assert min(sheet.size) > 2 * SIZE
            assert np.asarray(sheet).std() > 0


def test_the_latents_deviate_by_one(finished: stages.Run) -> None:
    latents = load_latents(finished.file("latents.safetensors"))
    assert latents.shape == (90, 10, 4, 8, 8)
    assert latents.float().std().item() == pytest.approx(1, abs=0.1)


def test_stock_diffusers_reads_the_model_and_draws(finished: stages.Run) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(finished.file("model"))
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline("disc 3", num_inference_steps=2, generator=torch.Generator().manual_seed(0), output_type="np")
    assert drawn.images.shape == (1, SIZE, SIZE, 3)
    assert drawn.images.std() > 0


def test_the_model_is_fp16_with_the_names_that_transformers_4_knows(finished: stages.Run) -> None:
    with safe_open(finished.file("model") / "text_encoder" / "model.safetensors", "pt") as file:
        names = list(file.keys())
        assert all(name.startswith("text_model.") for name in names)
        assert {file.get_tensor(name).dtype for name in names} == {torch.float16}
    assert {"vocab.json", "merges.txt"} <= {path.name for path in (finished.file("model") / "tokenizer").iterdir()}


def test_half_precision_trains_every_phase_too(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, steps=3, precision="bf16")
    do(run, "tokenizer", "vae", "latents", "unet")
    assert [row["step"] for row in metrics.read(run.around.metrics)] == [1, 1, 1]


def test_a_finished_run_done_again_changes_nothing(finished: stages.Run) -> None:
    files = [finished.around.checkpoint(phase) for phase in ("vae", "unet-all", "unet-narrow")]
    before = [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    rows = metrics.read(finished.around.metrics)
    do(finished, "tokenizer", "vae", "latents", "unet")
    assert [(file.stat().st_mtime_ns, file.stat().st_size) for file in files] == before
    assert metrics.read(finished.around.metrics) == rows


def test_a_stage_without_what_it_needs_says_which_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(DemoModelError, match="run `--stage vae` first"):
        do(tiny_run(tmp_path), "latents")
