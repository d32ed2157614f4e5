"""Every number that shapes the demo model: the sizes of its networks, and how each is trained."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Training:
    """How one phase is trained.

    The learning rate rises over `warmup` steps and follows a cosine over the phase's budget, to `floor` of its peak.
    """

    share: float  # of the run's budget, relative to the other phases
    batch_cpu: int  # pictures per step
    batch_cuda: int
    learning_rate: float
    floor: float
    warmup: int
    weight_decay: float
    average: float  # decay of the moving average of the weights

    def batch(self, device_type: str) -> int:
        """Pictures per step on this kind of device."""
        return self.batch_cuda if device_type == "cuda" else self.batch_cpu


@dataclass(frozen=True)
class Recipe:
    """The whole model. The defaults make 14.5 million parameters, 64×64 pictures and 4×16×16 latents."""

    seed: int = 0
    image_size: int = 64
    vocabulary: int = 2789  # tokens: 512 for single bytes, 2 specials, the rest merged pairs
    tokens: int = 16  # per caption
    norm_groups: int = 16
    vae_channels: tuple[int, ...] = (32, 64, 128)  # each level but the last halves the picture
    latent_channels: int = 4
    unet_channels: tuple[int, ...] = (64, 128, 192)  # all levels but the first attend to the caption
    attention_heads: int = 4
    text_width: int = 128
    text_layers: int = 3
    vae: Training = Training(
        share=20,
        batch_cpu=16,
        batch_cuda=128,
        learning_rate=1.2e-3,
        floor=0.005,
        warmup=100,
        weight_decay=1e-4,
        average=0.999,
    )
    unet_all: Training = Training(
        share=20,
        batch_cpu=64,
        batch_cuda=512,
        learning_rate=8e-4,
        floor=0.01,
        warmup=300,
        weight_decay=1e-3,
        average=0.9995,
    )
    unet_narrow: Training = Training(
        share=46,
        batch_cpu=64,
        batch_cuda=512,
        learning_rate=7e-4,
        floor=0.01,
        warmup=100,
        weight_decay=1e-3,
        average=0.999,
    )

    @property
    def latent_size(self) -> int:
        """Latents per side of a picture."""
        return int(self.image_size // 2 ** (len(self.vae_channels) - 1))

    @property
    def shares(self) -> float:
        """What the phases' shares add up to."""
        return self.vae.share + self.unet_all.share + self.unet_narrow.share


def fingerprint(recipe: Recipe, inputs: Iterable[Path]) -> str:
    """SHA-256 of the recipe and of the files that a phase reads: a checkpoint belongs to one fingerprint."""
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    for path in inputs:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
