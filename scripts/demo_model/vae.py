"""The first phase: an autoencoder between pictures and latents (Rombach et al., arXiv 2112.10752, section 3.1).

Departures: no discriminator and no perceptual network; a loss on edges keeps the outlines crisp instead.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image
from torch import Tensor, nn

from scripts.demo_model.backgrounds import composite, draw_backgrounds
from scripts.demo_model.compute import Compute
from scripts.demo_model.draws import batch_indices, generator
from scripts.demo_model.images import to_images
from scripts.demo_model.networks import build_vae
from scripts.demo_model.pictures import Pictures
from scripts.demo_model.recipe import Recipe, Training
from scripts.demo_model.sheet import tile
from scripts.demo_model.subjects import held_out, trained

EDGE_WEIGHT = 0.5
KL_WEIGHT = 5e-7  # on the divergence summed over a picture's latents: just enough to keep them near the origin
ON_SHEET = 10


@dataclass
class VaePhase:
    """Trains the autoencoder on all pictures but the held-out ones."""

    pictures: Pictures
    recipe: Recipe
    compute: Compute
    name: str = "vae"
    training: Training = field(init=False)
    network: nn.ModuleDict = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.recipe.seed)
        self.training = self.recipe.vae
        self.network = nn.ModuleDict({"vae": build_vae(self.recipe)})
        self._trained = torch.tensor(trained(self.pictures.rows, narrowed=False))
        self._held_out = _on_backgrounds(self.pictures, torch.tensor(held_out(self.pictures.rows)), "held out")

    def loss(self, step: int, batch: int) -> Tensor:
        """Difference of the pictures, of their edges, and the divergence of the latents from a unit Gaussian."""
        vae: Any = self.network["vae"]
        chance = generator(self.recipe.seed, self.name, step)
        places = self._trained[batch_indices(len(self._trained), batch, step, self.recipe.seed, self.name)]
        pictures = composite(self.pictures.rgba[places], draw_backgrounds(len(places), chance))
        pictures = pictures.to(self.compute.device, memory_format=torch.channels_last)
        posterior = DiagonalGaussianDistribution(vae.encode(pictures).latent_dist.parameters.float())
        difference = vae.decode(posterior.sample(chance)).sample.float() - pictures
        pixels = difference.abs().mean() + difference.square().mean()
        return pixels + EDGE_WEIGHT * _edges(difference) + KL_WEIGHT * posterior.kl().mean()

    def figures(self, averaged: nn.ModuleDict) -> dict[str, float]:
        """How near the held-out pictures come back: PSNR in dB."""
        return {"held_out_psnr": psnr(reconstruct(averaged["vae"], self._held_out), self._held_out)}

    def sheet(self, averaged: nn.ModuleDict) -> Image.Image:
        """Held-out pictures above what the autoencoder makes of them."""
        shown = self._held_out[:ON_SHEET]
        return tile([to_images(shown), to_images(reconstruct(averaged["vae"], shown))])


def encode(vae: Any, pictures: Tensor) -> Tensor:
    """Pictures N×3×S×S in -1…1 -> the middle of their latents, N×C×s×s, scaled to deviate by 1, on the CPU in fp32."""
    device = next(vae.parameters()).device
    latents = [vae.encode(part.to(device)).latent_dist.mode() for part in pictures.split(64)]
    return (torch.cat(latents) * vae.config.scaling_factor).float().cpu()


def decode(vae: Any, latents: Tensor) -> Tensor:
    """Scaled latents -> pictures in -1…1, on the CPU in fp32."""
    device = next(vae.parameters()).device
    pictures = [vae.decode(part.to(device) / vae.config.scaling_factor).sample for part in latents.split(64)]
    return torch.cat(pictures).float().cpu().clamp(-1, 1)


def reconstruct(vae: Any, pictures: Tensor) -> Tensor:
    """There and back."""
    return decode(vae, encode(vae, pictures))


def psnr(made: Tensor, wanted: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in -1…1."""
    return 10 * math.log10(4 / (made - wanted).square().mean().item())


@torch.inference_mode()
def set_scaling_factor(vae: Any, pictures: Pictures) -> None:
    """Make the latents' deviation 1, which is what the noise schedule counts on (arXiv 2112.10752, section G)."""
    vae.register_to_config(scaling_factor=1.0)
    some = torch.tensor(trained(pictures.rows, narrowed=False)[::17])
    vae.register_to_config(scaling_factor=1 / encode(vae, _on_backgrounds(pictures, some, "scaling")).std().item())


def _on_backgrounds(pictures: Pictures, places: Tensor, key: str) -> Tensor:
    return composite(pictures.rgba[places], draw_backgrounds(len(places), generator("vae", key)))


def _edges(difference: Tensor) -> Tensor:
    """The mean difference between neighbours, across and down."""
    return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
