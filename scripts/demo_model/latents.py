"""Every picture on every background, encoded once, so that the UNet's phases need no autoencoder."""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from scripts.demo_model.backgrounds import NAMES, composite
from scripts.demo_model.files import write_whole
from scripts.demo_model.pictures import Pictures
from scripts.demo_model.progress import Update
from scripts.demo_model.vae import encode


@torch.inference_mode()
def encode_all(vae: Any, pictures: Pictures, update: Update) -> Tensor:
    """N×backgrounds×C×s×s, fp16."""
    encoded = []
    for background, name in enumerate(NAMES):
        everywhere = torch.full((len(pictures.rows),), background)
        encoded.append(encode(vae, composite(pictures.rgba, everywhere)).half())
        update((background + 1) / len(NAMES), f"on {name}")
    return torch.stack(encoded, dim=1).contiguous()


def save_latents(latents: Tensor, path: Path, made_from: str) -> None:
    """Write them whole; `made_from` names the autoencoder and the pictures."""
    write_whole(path, lambda part: save_file({"latents": latents}, part, metadata={"made_from": made_from}))


def load_latents(path: Path) -> Tensor:
    """What `save_latents` wrote."""
    with safe_open(path, framework="pt") as file:
        return file.get_tensor("latents")


def are_made_from(path: Path, made_from: str) -> bool:
    """Whether the latents at `path` are there and come from this autoencoder and these pictures."""
    if not path.exists():
        return False
    with safe_open(path, framework="pt") as file:
        return bool(file.metadata()["made_from"] == made_from)
