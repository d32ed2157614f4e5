"""What a model is measured with: fixed pictures, captions, timesteps and noise, the same for every model.

The pictures are scaled to the model's own latents, so the error of its noise compares models that share an autoencoder;
between others compare the error of the picture that the predicted noise leaves, which is counted in pixels.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scripts.demo_model.backgrounds import composite, draw_backgrounds
from scripts.demo_model.captions import full_caption
from scripts.demo_model.draws import generator
from scripts.demo_model.pictures import Pictures
from scripts.demo_model.subjects import held_out, trained
from scripts.demo_model.tokenizer import token_ids
from scripts.demo_model.vae import decode, encode, psnr

LEVELS = 6  # timesteps, in the middle of as many equal parts of the schedule


@dataclass(frozen=True)
class Yardstick:
    """Pictures N×3×S×S in -1…1 with their full captions."""

    pictures: Tensor
    captions: list[str]


@dataclass(frozen=True)
class Figures:
    """Errors are means of squares: of the noise in latents of unit deviation, of the denoised picture in -1…1."""

    noise_error: float
    picture_error: float
    reconstruction_psnr: float  # dB, of the autoencoder alone


def held_out_yardstick(pictures: Pictures) -> Yardstick:
    """The pictures that training never sees."""
    return _yardstick(pictures, held_out(pictures.rows))


def seen_yardstick(pictures: Pictures) -> Yardstick:
    """As many pictures that it does see, spread evenly over the narrowed groups."""
    seen, count = trained(pictures.rows, narrowed=True), len(held_out(pictures.rows))
    return _yardstick(pictures, [seen[place * len(seen) // count] for place in range(count)])


@torch.inference_mode()
def measure(pipeline: Any, yardstick: Yardstick) -> Figures:
    """How well a StableDiffusionPipeline that predicts epsilon finds the noise in the yardstick's pictures."""
    latents = encode(pipeline.vae, yardstick.pictures)
    caption_states = _caption_states(pipeline, yardstick.captions)
    signal = pipeline.scheduler.alphas_cumprod
    noise_errors, picture_errors = [], []
    for level in range(LEVELS):
        timestep = int((level + 0.5) / LEVELS * len(signal))
        noise = torch.randn(latents.shape, generator=generator("yardstick", level))
        noisy = signal[timestep].sqrt() * latents + (1 - signal[timestep]).sqrt() * noise
        found = _predict(pipeline.unet, noisy, timestep, caption_states)
        denoised = (noisy - (1 - signal[timestep]).sqrt() * found) / signal[timestep].sqrt()
        noise_errors.append((found - noise).square().mean())
        picture_errors.append((decode(pipeline.vae, denoised) - yardstick.pictures).square().mean())
    return Figures(
        torch.stack(noise_errors).mean().item(),
        torch.stack(picture_errors).mean().item(),
        psnr(decode(pipeline.vae, latents), yardstick.pictures),
    )


def _yardstick(pictures: Pictures, places: list[int]) -> Yardstick:
    backgrounds = draw_backgrounds(len(places), generator("yardstick", "backgrounds"))
    captions = [full_caption(pictures.rows[place], int(on)) for place, on in zip(places, backgrounds, strict=True)]
    return Yardstick(composite(pictures.rgba[torch.tensor(places)], backgrounds), captions)


def _caption_states(pipeline: Any, captions: list[str]) -> Tensor:
    tokens = token_ids(pipeline.tokenizer, captions).to(pipeline.text_encoder.device)
    return pipeline.text_encoder(tokens).last_hidden_state


def _predict(unet: Any, noisy: Tensor, timestep: int, caption_states: Tensor) -> Tensor:
    """The noise that the UNet sees, on the CPU in fp32."""
    parts = zip(noisy.to(unet.device).split(64), caption_states.split(64), strict=True)
    return torch.cat([unet(part, timestep, states).sample for part, states in parts]).float().cpu()
