"""Whole pipelines with random weights in the diffusers layout, as an admin registers them: SD 1.x, 2.x and SDXL."""

from pathlib import Path

from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from tests.worker.d3po.tiny import tiny_policy


def save(folder: Path, family: str, prediction: str = "epsilon", *, precision: str = "fp32") -> Path:
    """The tiny policy's parts as a pipeline's folder."""
    base = tiny_policy(precision, prediction, family).base
    shared = {
        "vae": base.vae, "text_encoder": base.text_encoder, "tokenizer": base.tokenizer, "unet": base.unet,
        "scheduler": base.scheduler,
    }  # fmt: skip
    if family == "sdxl":
        second = {"text_encoder_2": base.text_encoder_2, "tokenizer_2": base.tokenizer_2}
        StableDiffusionXLPipeline(**shared, **second, add_watermarker=False).save_pretrained(folder)
    else:
        StableDiffusionPipeline(
            **shared, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        ).save_pretrained(folder)
    return folder
