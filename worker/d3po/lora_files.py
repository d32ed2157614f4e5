"""The LoRA as others read it: peft's two files, diffusers' file, and kohya's naming for ComfyUI, A1111 and Forge.

Names come from diffusers' own converters. Four traps are closed here: the kohya converter always writes
alpha = rank; it keeps diffusers' names for SDXL, where kohya has those of the original model; a diffusers file carries
no alpha that every version reads, so there the scale is multiplied into B; and so it is in a kohya file whose scale is
large: its readers cast to fp16, where the small B would lose its digits.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import torch
from diffusers.utils.state_dict_utils import (
    convert_all_state_dict_to_peft,
    convert_state_dict_to_diffusers,
    convert_state_dict_to_kohya,
)

from worker.d3po.adapter import Adapter
from worker.d3po.errors import CorruptFileError
from worker.d3po.tensor_file import Tensors, pack, tensor_part_sha256, unpack

DIFFUSERS_NAME = "pytorch_lora_weights.safetensors"
PEFT_NAMES = ("adapter_config.json", "adapter_model.safetensors")
PEFT_PREFIX = "base_model.model."
IMPLEMENTATION = "diffusers"
MOST_SCALE = 16
SDXL_LAYERS = 2  # of each down block; an up block has one more
BLOCK_NAME = re.compile(r"lora_unet_(?P<side>down|mid|up)_blocks?_((?P<block>\d+)_)?attentions_(?P<layer>\d+)_")
PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v"}
# kohya's own names, by family and prediction
ARCHITECTURES = {
    ("sd1", "epsilon"): "stable-diffusion-v1",
    ("sd1", "v"): "stable-diffusion-v1",
    ("sd2", "epsilon"): "stable-diffusion-v2-512",
    ("sd2", "v"): "stable-diffusion-v2-768-v",
    ("sdxl", "epsilon"): "stable-diffusion-xl-v1-base",
    ("sdxl", "v"): "stable-diffusion-xl-v1-base",
}
BASE_VERSIONS = {
    ("sd1", "epsilon"): "sd_v1",
    ("sd1", "v"): "sd_v1_v",
    ("sd2", "epsilon"): "sd_v2",
    ("sd2", "v"): "sd_v2_v",
    ("sdxl", "epsilon"): "sdxl_base_v1-0",
    ("sdxl", "v"): "sdxl_base_v1-0",
}


@dataclass(frozen=True)
class LoraInfo:
    """What a LoRA file says of itself. All but the title has a default; empty values are left out."""

    title: str
    family: str = "sd1"
    base_model: str = ""
    base_model_sha256: str = ""
    prediction_type: str = "epsilon"
    width: int = 512
    height: int = 512
    seed: int | None = None
    learning_rate: float | None = None
    steps: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    author: str = ""
    description: str = ""
    license: str = ""
    tags: str = ""
    own: dict[str, str] = field(default_factory=dict)  # written as tastemaker.<key>

    @property
    def kind(self) -> tuple[str, str]:
        """Family and prediction, as kohya tells models apart."""
        return self.family, "v" if self.prediction_type == "v_prediction" else "epsilon"


def write_diffusers(adapter: Adapter, info: LoraInfo) -> bytes:
    """The file that the `load_lora_weights` of diffusers' pipelines loads; by custom named `DIFFUSERS_NAME`."""
    tensors = {f"unet.{name}": t for name, t in convert_state_dict_to_diffusers(_scaled(adapter).tensors).items()}
    return _pack_with(tensors, lambda digest: _modelspec(info, digest) | _own(info))


def write_kohya(adapter: Adapter, info: LoraInfo) -> bytes:
    """The file that ComfyUI, A1111 and Forge load, with `ss_*`, `modelspec.*` and `tastemaker.*` metadata."""
    if adapter.alpha > MOST_SCALE * adapter.rank:
        adapter = _scaled(adapter)
    tensors: Tensors = convert_state_dict_to_kohya({f"unet.{name}": t for name, t in adapter.tensors.items()})
    for name in tensors:
        if name.endswith(".alpha"):
            tensors[name] = torch.tensor(float(adapter.alpha))
    if info.family == "sdxl":
        tensors = _as_original(tensors)
    return _pack_with(tensors, lambda digest: _kohya(adapter, info) | _modelspec(info, digest) | _own(info))


def _as_original(tensors: Tensors) -> Tensors:
    """kohya's names with the original SDXL model's blocks in place of diffusers'. A model of another depth than SDXL's
    has no original; its names stay, which ComfyUI, A1111 and Forge read too."""
    places = [re.match(BLOCK_NAME, name) for name in tensors]
    deepest = max((int(place["layer"]) for place in places if place and place["side"] == "up"), default=-1)
    if deepest != SDXL_LAYERS:  # the last of an up block's attentions
        return tensors
    return {re.sub(BLOCK_NAME, _original_block, name): tensor for name, tensor in tensors.items()}


def _original_block(place: re.Match[str]) -> str:
    """`down_blocks_1_attentions_0` is `input_blocks_4_1`: blocks are counted through, after one convolution."""
    if place["side"] == "mid":
        return "lora_unet_middle_block_1_"
    number = int(place["block"]) * (SDXL_LAYERS + 1) + int(place["layer"])
    return (
        f"lora_unet_input_blocks_{number + 1}_1_" if place["side"] == "down" else f"lora_unet_output_blocks_{number}_1_"
    )


def _scaled(adapter: Adapter) -> Adapter:
    """The same adapter with its scale multiplied into B, so that lora_alpha = rank."""
    scale = adapter.alpha / adapter.rank
    if scale == 1:
        return adapter
    tensors = {name: t * scale if ".lora_B." in name else t for name, t in adapter.tensors.items()}
    return Adapter(tensors, adapter.rank, float(adapter.rank))


def write_peft(adapter: Adapter, info: LoraInfo) -> dict[str, bytes]:
    """The two files of a peft folder, by name."""
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": info.base_model or None,
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "lora_dropout": 0.0,
        "init_lora_weights": "gaussian",
        "bias": "none",
        "inference_mode": True,
        "target_modules": adapter.modules,
    }
    tensors = {PEFT_PREFIX + name: t for name, t in adapter.tensors.items()}
    model = _pack_with(tensors, lambda digest: {"format": "pt"} | _modelspec(info, digest) | _own(info))
    return {PEFT_NAMES[0]: json.dumps(config, indent=2).encode(), PEFT_NAMES[1]: model}


def read_peft(config: bytes, model: bytes) -> Adapter:
    """Reads what `write_peft` wrote. Raises CorruptFileError."""
    tensors, _ = unpack(model, "adapter_model.safetensors")
    try:
        described = json.loads(config)
        rank, alpha = int(described["r"]), float(described["lora_alpha"])
    except (KeyError, ValueError) as error:
        raise CorruptFileError(f"adapter_config.json does not say r and lora_alpha: {error!r}.") from error
    return Adapter({name.removeprefix(PEFT_PREFIX): t for name, t in tensors.items()}, rank, alpha)


def read_diffusers(data: bytes) -> Adapter:
    """Reads what `write_diffusers` wrote, whose scale is in B: lora_alpha = rank. Raises CorruptFileError."""
    tensors, _ = unpack(data, DIFFUSERS_NAME)
    converted = convert_all_state_dict_to_peft({name.removeprefix("unet."): t for name, t in tensors.items()})
    ranks = {t.shape[0] for name, t in converted.items() if name.endswith(".lora_A.weight")}
    if len(ranks) != 1:
        raise CorruptFileError(f"{DIFFUSERS_NAME} holds no LoRA of one rank.")
    rank = ranks.pop()
    return Adapter(converted, rank, float(rank))


def _pack_with(tensors: Tensors, metadata: Callable[[str], dict[str, str]]) -> bytes:
    """Packs with metadata that contain the tensor part's own SHA-256."""
    return pack(tensors, metadata(tensor_part_sha256(pack(tensors, {}))))


def _modelspec(info: LoraInfo, digest: str) -> dict[str, str]:
    """Stability-AI/ModelSpec 1.0.1."""
    finished = info.finished_at.astimezone(UTC).isoformat(timespec="seconds") if info.finished_at else ""
    return _filled(
        {
            "modelspec.sai_model_spec": "1.0.1",
            "modelspec.architecture": f"{ARCHITECTURES[info.kind]}/lora",
            "modelspec.implementation": IMPLEMENTATION,
            "modelspec.title": info.title,
            "modelspec.resolution": f"{info.width}x{info.height}",
            "modelspec.description": info.description,
            "modelspec.author": info.author,
            "modelspec.date": finished,
            "modelspec.hash_sha256": f"0x{digest}",
            "modelspec.license": info.license,
            "modelspec.tags": info.tags,
            "modelspec.prediction_type": PREDICTIONS.get(info.prediction_type, ""),
        }
    )


def _kohya(adapter: Adapter, info: LoraInfo) -> dict[str, str]:
    """What A1111 and kohya's own tools read. A1111 tells the model's kind by the first two."""
    return {
        "ss_base_model_version": BASE_VERSIONS[info.kind],
        "ss_v2": str(info.family == "sd2"),
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(adapter.rank),
        "ss_network_alpha": str(float(adapter.alpha)),
        "ss_network_args": json.dumps({}),
        "ss_output_name": info.title,
    } | _filled(
        {
            "ss_sd_model_name": info.base_model,
            "ss_sd_model_hash": info.base_model_sha256,
            "ss_seed": _text(info.seed),
            "ss_learning_rate": _text(info.learning_rate),
            "ss_optimizer": "torch.optim.adamw.AdamW",
            "ss_max_train_steps": _text(info.steps),
            "ss_training_started_at": _text(info.started_at.timestamp() if info.started_at else None),
            "ss_training_finished_at": _text(info.finished_at.timestamp() if info.finished_at else None),
            "ss_training_comment": info.description,
            "ss_resolution": f"({info.width}, {info.height})",
        }
    )


def _own(info: LoraInfo) -> dict[str, str]:
    return {f"tastemaker.{key}": value for key, value in info.own.items()}


def _text(value: float | None) -> str:
    return "" if value is None else str(value)


def _filled(values: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}
