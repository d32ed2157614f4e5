"""Not sized for the demo model: Stable Diffusion 1.5's exact configuration with random weights, through the same code.

`python -m bench.sd15` builds the pipeline (860 million parameters in the UNet, 4x64x64 latents, 77 tokens; nothing is
downloaded), draws one group with T = 2 and takes one optimizer step with the `paper` preset. It prints seconds and peak
memory. The tokenizer is the demo model's: which token a word becomes makes no difference to random weights.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from bench.case import DEMO_MODEL, specs
from worker.d3po import Preference, SamplingSettings, TrainingSettings, Trajectory, load_policy, sample_groups, train

UNET: dict[str, Any] = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "layers_per_block": 2,
    "attention_head_dim": 8,
    "cross_attention_dim": 768,
}
VAE: dict[str, Any] = {
    "sample_size": 512,
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "scaling_factor": 0.18215,
}
TEXT_ENCODER: dict[str, Any] = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
}
SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def build(folder: Path) -> int:
    """Writes the pipeline, in fp16 as published; the UNet's number of parameters."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float16)  # made in fp16 at once: half the memory of a cast
    try:
        unet: Any = UNet2DConditionModel(**UNET)
        vae = AutoencoderKL(**VAE)
        text_encoder = CLIPTextModel(CLIPTextConfig(**TEXT_ENCODER))
    finally:
        torch.set_default_dtype(torch.float32)
    pipeline: Any = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=CLIPTokenizer.from_pretrained(DEMO_MODEL / "tokenizer", model_max_length=77),
        unet=unet,
        scheduler=DDIMScheduler(**SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return sum(parameter.numel() for parameter in unet.parameters())


def run(*, checkpointing: bool = False, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Builds, draws and trains; seconds of each part and the process's peak memory in GiB."""
    with tempfile.TemporaryDirectory() as folder:
        say("building the pipeline …")
        parameters, building = _timed(lambda: build(Path(folder)))
        say("loading it …")
        policy, loading = _timed(lambda: load_policy(folder))
    before = _peak_gib()
    say(f"drawing one group of two, T = 2, on {policy.device} in {policy.precision} …")
    sampling = SamplingSettings(steps=2)
    records, drawing = _timed(lambda: list(sample_groups(policy, specs(1), sampling, batch=2)))
    after_drawing = _peak_gib()
    say("one optimizer step …")
    trajectories: dict[str, Trajectory] = {str(r.sample): r.trajectory for r in records if r.trajectory is not None}
    # the paper preset, but for how much goes through the model at once, which changes no result
    settings = TrainingSettings(
        max_step_gain=None, micro_batch=2, gradient_checkpointing=checkpointing, measure_every=0, resume_every=0
    )
    preference = [Preference("pair", 0, "0", "1", 1.0)]
    seconds: list[float] = []
    result, training = _timed(
        lambda: train(
            policy, preference, trajectories.__getitem__, settings, on_step=lambda step: seconds.append(step.seconds)
        )
    )
    return {
        "unet_parameters": parameters,
        "latents": list(records[0].trajectory.latents.shape) if records[0].trajectory else None,
        "image": list(records[0].image.shape),
        "first_loss": result.summary.loss,
        "largest_difference": result.checks.largest_difference,
        "seconds": {
            "build": round(building, 1),
            "load": round(loading, 1),
            "draw": round(drawing, 1),
            "train_with_checks": round(training, 1),
            "optimizer_step": round(seconds[0], 1),
        },
        "peak_gib": {
            "before_drawing": round(before, 2),
            "drawing": round(after_drawing, 2),
            "training": round(_peak_gib(), 2),
        },
        "machine": {
            "device": str(policy.device),
            "precision": policy.precision,
            "threads": torch.get_num_threads(),
            "gradient_checkpointing": checkpointing,
        },
    }


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _peak_gib() -> float:
    """Peak of this process so far: of the accelerator's allocator where there is one, else resident memory."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpointing", action="store_true", help="recompute activations: less memory, more time")
    print(json.dumps(run(checkpointing=parser.parse_args().checkpointing, say=lambda line: print(line, flush=True))))
