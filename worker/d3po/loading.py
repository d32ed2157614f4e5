"""A base model from a diffusers pipeline, a folder or a hub id, in the precision asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from worker.d3po.errors import ModelError
from worker.d3po.records import Precision

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16, "fp64": torch.float64}
FAMILIES = {768: "sd1", 1024: "sd2"}  # of a StableDiffusionPipeline, by the width of its text encoder
SDXL = "StableDiffusionXLPipeline"
KINDS = ("StableDiffusionPipeline", SDXL)


@dataclass(frozen=True)
class BaseModel:
    """The parts of a Stable Diffusion pipeline, frozen, on one device."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any  # DDIM, made of the model's own scheduler's table
    family: str
    precision: str  # of the UNet; everything else is fp32
    text_encoder_2: Any = None  # SDXL alone, with its tokenizer
    tokenizer_2: Any = None
    zero_negative: bool = False  # an empty negative prompt is all zeros


def load_base_model(
    source: str, revision: str | None, family: str | None, device: str, precision: Precision
) -> BaseModel:
    """Loads a pipeline folder or hub id.

    Raises ModelError where it cannot be found, is no Stable Diffusion pipeline, or a part of it cannot be read.
    """
    index = _index(source, revision)
    precision = resolve_precision(precision, device)
    if precision == "fp32":
        torch.backends.cudnn.allow_tf32 = False  # else convolutions on CUDA keep 10 bits of fp32's 23
    try:
        parts = _load_parts(source, revision, DTYPES[precision])
        if index["_class_name"] == SDXL:
            parts |= _load_second(source, revision, DTYPES[precision])
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"A part of the model {source!r} cannot be loaded: {error}") from error
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False).eval().to(device)
    if index["_class_name"] == SDXL:
        _check_conditioning(source, parts)
        zero = bool(index.get("force_zeros_for_empty_prompt", True))
        return BaseModel(**parts, family="sdxl", precision=precision, zero_negative=zero)
    width = parts["unet"].config.cross_attention_dim
    return BaseModel(**parts, family=family or FAMILIES.get(width, "sd1"), precision=precision)


def resolve_device(device: str) -> str:
    """ "auto" as the best device at hand."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve_precision(precision: Precision, device: str) -> Precision:
    """ "auto" as fp16 on an accelerator and fp32 on a CPU."""
    if precision != "auto":
        return precision
    return "fp32" if torch.device(device).type == "cpu" else "fp16"


def _index(source: str, revision: str | None) -> dict[str, Any]:
    """The pipeline's model_index.json. Raises ModelError where it is none that can be trained."""
    try:
        config = DiffusionPipeline.load_config(source, revision=revision)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{source!r} is not a diffusers pipeline: its model_index.json cannot be read ({error}). "
            "Give the folder that holds model_index.json, or a hub id such as 'owner/name'."
        ) from error
    kind = config.get("_class_name")
    if kind not in KINDS:
        raise ModelError(f"{source!r} is a {kind}; only {' and '.join(KINDS)} (SD 1.x, 2.x and SDXL) can be trained.")
    return dict(config)


def _load_parts(source: str, revision: str | None, dtype: torch.dtype) -> dict[str, Any]:
    """The UNet in `dtype`, everything else in fp32 (float64 only beside a float64 UNet)."""
    exact = dtype if dtype == torch.float64 else torch.float32

    def load(cls: Any, subfolder: str, **options: Any) -> Any:
        return cls.from_pretrained(source, subfolder=subfolder, revision=revision, **options)

    with _no_progress_bar():
        return {
            "unet": load(UNet2DConditionModel, "unet", torch_dtype=dtype).to(memory_format=torch.channels_last),
            "vae": load(AutoencoderKL, "vae", torch_dtype=exact),
            "text_encoder": load(CLIPTextModel, "text_encoder", dtype=exact),
            "tokenizer": load(CLIPTokenizer, "tokenizer"),
            "scheduler": load(DDIMScheduler, "scheduler"),
        }


def _load_second(source: str, revision: str | None, dtype: torch.dtype) -> dict[str, Any]:
    """SDXL's second text encoder, which also gives the pooled prompt, and its tokenizer."""
    exact = dtype if dtype == torch.float64 else torch.float32
    encoder: Any = CLIPTextModelWithProjection
    tokenizer: Any = CLIPTokenizer
    with _no_progress_bar():
        return {
            "text_encoder_2": encoder.from_pretrained(
                source, subfolder="text_encoder_2", revision=revision, dtype=exact
            ),
            "tokenizer_2": tokenizer.from_pretrained(source, subfolder="tokenizer_2", revision=revision),
        }


def _check_conditioning(source: str, parts: dict[str, Any]) -> None:
    """Raises ModelError where the UNet wants to be told something else than pooled prompt and size (a refiner)."""
    unet, second = parts["unet"].config, parts["text_encoder_2"].config
    told = second.projection_dim + 6 * (unet.addition_time_embed_dim or 0)
    if unet.addition_embed_type != "text_time" or unet.projection_class_embeddings_input_dim != told:
        raise ModelError(f"{source!r} is no SDXL base model: its UNet takes other conditions (a refiner?).")


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """A library prints nothing: transformers' progress bar is off within."""
    was_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            transformers_logging.enable_progress_bar()
