"""A pipeline on disk, in fp16, which transformers 4 and 5 read alike."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import nn

from scripts.demo_model.assembly import assemble
from scripts.demo_model.files import whole_folder
from scripts.demo_model.tokenizer import load_tokenizer

PREFIX = "text_model."


def export(vae: Any, network: nn.ModuleDict, tokenizer: Path, folder: Path) -> None:
    """Write `folder` whole, from copies. `network` holds UNet and text encoder, `tokenizer` is a folder."""
    with whole_folder(folder) as part:
        halves = assemble(_half(vae), _half(network["unet"]), _half(network["text_encoder"]), load_tokenizer(tokenizer))
        halves.save_pretrained(part)
        shutil.copytree(tokenizer, part / "tokenizer", dirs_exist_ok=True)
        _prefix_names(part / "text_encoder" / "model.safetensors")
        _compute_in_fp32(part / "text_encoder" / "config.json")


def load_pipeline(folder: Path, device: torch.device) -> Any:
    """A pipeline folder, in fp32, on a device."""
    return StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32).to(device)


def _half(part: Any) -> Any:
    return copy.deepcopy(part).cpu().half().to(memory_format=torch.contiguous_format)


def _prefix_names(weights: Path) -> None:
    """Name the text encoder's tensors as transformers 4 does; transformers 5 reads both names and writes short ones."""
    tensors = {PREFIX + name.removeprefix(PREFIX): tensor for name, tensor in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})


def _compute_in_fp32(config: Path) -> None:
    """transformers 5 loads in the type that the config names, where diffusers takes fp32: two types do not multiply."""
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings["dtype"] = "float32"
    config.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
