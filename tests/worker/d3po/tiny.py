"""A tiny pipeline with random weights, in any precision, and trajectories drawn from it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch.nn import Module
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from worker.d3po import GroupSpec, Policy, Preference, RoundNoise, SamplingSettings, Trajectory, sample_groups
from worker.d3po.loading import DTYPES, BaseModel

DEMO_TOKENIZER = Path(__file__).parents[3] / "demo" / "model" / "tokenizer"
SAMPLING = SamplingSettings(steps=4, guidance=3.0)
LORA = (4, 4.0, ("to_q", "to_k", "to_v", "to_out.0"), 0)


UNETS: dict[str, dict[str, object]] = {
    "sd1": {"attention_head_dim": 4},
    "sd2": {"attention_head_dim": (2, 4), "use_linear_projection": True},
    "sdxl": {
        "attention_head_dim": (2, 4),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 4,
        "projection_class_embeddings_input_dim": 12 + 6 * 4,
    },
}


def text_config(width: int, *, layers: int, **more: int) -> CLIPTextConfig:
    """A text encoder that reads the demo model's tokens."""
    return CLIPTextConfig(
        vocab_size=2789, hidden_size=width, intermediate_size=32, num_hidden_layers=layers, num_attention_heads=2,
        max_position_embeddings=16, bos_token_id=2787, eos_token_id=2788, **more,
    )  # fmt: skip


@cache
def demo_tokenizer() -> CLIPTokenizer:
    """The demo model's tokenizer, read once."""
    return CLIPTokenizer.from_pretrained(DEMO_TOKENIZER)


def tiny_policy(precision: str = "fp32", prediction: str = "epsilon", family: str = "sd1") -> Policy:
    """8x8 latents, 16x16 pictures, two levels of the UNet with attention in one. The same weights every time.

    SD 2.x differs in its heads and its linear projections; SDXL in two text encoders and what the UNet is told beside.
    """
    dtype = DTYPES[precision]
    exact = torch.promote_types(dtype, torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(8, 16),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=16,
            norm_num_groups=4,
            **UNETS[family],  # type: ignore[arg-type]
        )
        vae = AutoencoderKL(
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=16,
        )
        text_encoder = CLIPTextModel(text_config(8 if family == "sdxl" else 16, layers=2 if family == "sdxl" else 1))
        second = CLIPTextModelWithProjection(text_config(8, layers=2, projection_dim=12)) if family == "sdxl" else None
    for part in (unet, vae, text_encoder, second):
        if part is not None:
            part.requires_grad_(False).eval()
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction,
    )
    return Policy(
        BaseModel(
            unet=Module.to(unet, dtype),
            vae=Module.to(vae, exact),
            text_encoder=Module.to(text_encoder, exact),
            tokenizer=demo_tokenizer(),
            scheduler=scheduler,
            family=family,
            precision=precision,
            text_encoder_2=None if second is None else Module.to(second, exact),
            tokenizer_2=None if second is None else demo_tokenizer(),
            zero_negative=second is not None,
        )
    )


def shaken(policy: Policy, by: float = 0.3) -> Policy:
    """The policy with an adapter that does something: every B drawn at random, the same every time."""
    if policy.adapter is None:
        policy.with_fresh_adapter(*LORA)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in policy.trainable().items():
            if ".lora_B." in name:
                parameter.copy_(by * torch.randn(parameter.shape, generator=generator))
    return policy


def groups(count: int, samples: int = 2, round_number: int = 1) -> list[GroupSpec]:
    """Groups of one round, with prompts in turn."""
    prompts = ("cat face", "3d red apple", "fish on blue")
    return [GroupSpec(n, prompts[n % 3], RoundNoise(0, round_number, n), samples) for n in range(count)]


def draw(
    policy: Policy, specs: Sequence[GroupSpec], settings: SamplingSettings = SAMPLING, batch: int = 4
) -> dict[str, Trajectory]:
    """Trajectories by the name "<group>/<sample>"."""
    records = sample_groups(policy, specs, settings, batch=batch)
    return {f"{r.group.number}/{r.sample}": r.trajectory for r in records if r.trajectory is not None}


def prefer_first(count: int, p: float = 1.0, held_out: Sequence[int] = ()) -> list[Preference]:
    """One preference per group between its samples 0 and 1."""
    return [Preference(f"pair {n}", n, f"{n}/0", f"{n}/1", p, held_out=n in held_out) for n in range(count)]
