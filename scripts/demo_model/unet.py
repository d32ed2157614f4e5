"""The second and third phase: a UNet and a text encoder that learn to find the noise in latents.

Epsilon prediction (Ho et al., arXiv 2006.11239, equation 14), weighted by min-SNR-5 (Hang et al., arXiv 2303.09556,
equation 8). Departures: a floor under the weights, since the least noisy latents would otherwise be left out; and
timesteps spread evenly over each batch.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from scripts.demo_model.assembly import assemble
from scripts.demo_model.backgrounds import draw_backgrounds
from scripts.demo_model.captions import draw_caption
from scripts.demo_model.compute import Compute
from scripts.demo_model.draws import batch_indices, chooser, generator
from scripts.demo_model.networks import build_scheduler, build_text_encoder, build_unet
from scripts.demo_model.pictures import Row
from scripts.demo_model.recipe import Recipe, Training
from scripts.demo_model.sheet import draw_sheet
from scripts.demo_model.tokenizer import token_ids
from scripts.demo_model.yardstick import Yardstick, measure

MOST_SNR = 5.0
LEAST_WEIGHT = 0.03


@dataclass
class UnetPhase:
    """Trains UNet and text encoder together on the pictures at `places`."""

    name: str
    training: Training
    network: nn.ModuleDict
    seed: int
    rows: list[Row]
    latents: Tensor  # N×backgrounds×C×s×s
    places: Tensor
    tokenizer: Any
    vae: Any
    yardstick: Yardstick
    compute: Compute

    def __post_init__(self) -> None:
        self.scheduler = build_scheduler()
        self._weights = snr_weights(self.scheduler.alphas_cumprod)

    def loss(self, step: int, batch: int) -> Tensor:
        """The weighted error of the noise that the network finds."""
        chance, device = generator(self.seed, self.name, step), self.compute.device
        places = self.places[batch_indices(len(self.places), batch, step, self.seed, self.name)]
        backgrounds = draw_backgrounds(len(places), chance)
        latents = self.latents[places, backgrounds].float()
        timesteps = spread_timesteps(len(places), len(self._weights), chance)
        noise = torch.randn(latents.shape, generator=chance)
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        tokens = token_ids(self.tokenizer, self._captions(places, backgrounds, step))
        found = self.network["unet"](
            noisy.to(device, memory_format=torch.channels_last),
            timesteps.to(device),
            self.network["text_encoder"](tokens.to(device)).last_hidden_state,
        ).sample.float()
        errors = (found - noise.to(device)).square().mean(dim=(1, 2, 3))
        return (errors * self._weights[timesteps].to(device)).mean()

    def figures(self, averaged: nn.ModuleDict) -> dict[str, float]:
        """The yardstick's, on held-out pictures."""
        figures = asdict(measure(self._pipeline(averaged), self.yardstick))
        return {f"held_out_{name}": value for name, value in figures.items()}

    def sheet(self, averaged: nn.ModuleDict) -> Image.Image:
        """One draw of each prompt."""
        return draw_sheet(self._pipeline(averaged), draws=1)

    def _captions(self, places: Tensor, backgrounds: Tensor, step: int) -> list[str]:
        chance = chooser(self.seed, self.name, step)
        return [
            draw_caption(self.rows[place], background, chance)
            for place, background in zip(places.tolist(), backgrounds.tolist(), strict=True)
        ]

    def _pipeline(self, averaged: nn.ModuleDict) -> Any:
        return assemble(self.vae, averaged["unet"], averaged["text_encoder"], self.tokenizer)


def begin_network(recipe: Recipe, tokenizer: Any) -> nn.ModuleDict:
    """A UNet and a text encoder that know nothing yet."""
    torch.manual_seed(recipe.seed)
    return nn.ModuleDict({"unet": build_unet(recipe), "text_encoder": build_text_encoder(recipe, tokenizer)})


def snr_weights(signal: Tensor) -> Tensor:
    """min(SNR, 5) / SNR for each timestep of `signal` (the products of the alphas), 0.03 at least."""
    snr = signal / (1 - signal)
    return (snr.clamp(max=MOST_SNR) / snr).clamp(min=LEAST_WEIGHT)


def spread_timesteps(count: int, steps: int, chance: torch.Generator) -> Tensor:
    """One timestep from each of `count` equal parts of 0…steps-1."""
    parts = (torch.arange(count) + torch.rand(count, generator=chance)) / count
    return (parts * steps).long().clamp(max=steps - 1)
