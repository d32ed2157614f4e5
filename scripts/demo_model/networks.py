"""The parts of a Stable Diffusion pipeline, in a size that a CPU can train and draw with."""

from typing import Any

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from scripts.demo_model.recipe import Recipe


def build_vae(recipe: Recipe) -> Any:
    """Pictures S×S×3 <-> latents, one level per entry of `vae_channels`."""
    levels = len(recipe.vae_channels)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=recipe.vae_channels,
        layers_per_block=1,
        latent_channels=recipe.latent_channels,
        norm_num_groups=recipe.norm_groups,
        sample_size=recipe.image_size,
    )


def build_unet(recipe: Recipe) -> Any:
    """Noisy latents, timestep and caption -> the noise. Only the finest level does without the caption."""
    attending = len(recipe.unet_channels) - 1
    return UNet2DConditionModel(
        sample_size=recipe.latent_size,
        in_channels=recipe.latent_channels,
        out_channels=recipe.latent_channels,
        layers_per_block=1,
        block_out_channels=recipe.unet_channels,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * attending,
        up_block_types=("CrossAttnUpBlock2D",) * attending + ("UpBlock2D",),
        cross_attention_dim=recipe.text_width,
        attention_head_dim=recipe.attention_heads,  # diffusers reads this as the number of heads
        norm_num_groups=recipe.norm_groups,
    )


def build_text_encoder(recipe: Recipe, tokenizer: Any) -> Any:
    """Token ids N×tokens -> N×tokens×text_width."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=recipe.text_width,
            intermediate_size=4 * recipe.text_width,
            num_hidden_layers=recipe.text_layers,
            num_attention_heads=recipe.attention_heads,
            max_position_embeddings=recipe.tokens,
            projection_dim=recipe.text_width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_scheduler() -> Any:
    """DDIM over 1,000 steps of the cosine schedule (Nichol & Dhariwal, arXiv 2102.09672, equation 17)."""
    return DDIMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False, set_alpha_to_one=False, steps_offset=1)
