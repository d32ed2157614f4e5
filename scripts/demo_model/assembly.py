"""The parts put together: a StableDiffusionPipeline."""

from typing import Any

from diffusers import StableDiffusionPipeline

from scripts.demo_model.networks import build_scheduler


def assemble(vae: Any, unet: Any, text_encoder: Any, tokenizer: Any) -> Any:
    """A pipeline of these parts, without a safety checker: there is none for pictures this small."""
    return StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
