"""A model of a few thousand parameters on drawn circles: the whole recipe in seconds, without the npm packages.

Run as a program it trains the autoencoder and hangs after step 5, to be killed there.
"""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from scripts.demo_model import stages
from scripts.demo_model.budget import Budget
from scripts.demo_model.compute import choose_compute
from scripts.demo_model.pictures import Pictures, Row
from scripts.demo_model.recipe import Recipe
from scripts.demo_model.trainer import Surroundings

SIZE = 16
GROUPS = ("food fruit", "animal bird", "hotel")  # the last is not narrowed to
TRAINING_STAGES = ("tokenizer", "vae", "latents", "unet", "export")


def tiny_recipe() -> Recipe:
    """The recipe with everything small, and as many steps in each phase."""
    recipe = Recipe(
        image_size=SIZE,
        vocabulary=560,
        tokens=8,
        norm_groups=4,
        vae_channels=(8, 8),
        unet_channels=(8, 16),
        attention_heads=2,
        text_width=16,
        text_layers=1,
    )
    return replace(
        recipe,
        vae=replace(recipe.vae, share=1, batch_cpu=4),
        unet_all=replace(recipe.unet_all, share=1, batch_cpu=4),
        unet_narrow=replace(recipe.unet_narrow, share=1, batch_cpu=4),
    )


def tiny_pictures(count: int = 90) -> Pictures:
    """Discs in many colours and sizes on transparent ground."""
    generator = torch.Generator().manual_seed(0)
    across = torch.arange(SIZE).float() - SIZE / 2 + 0.5
    distance = (across[:, None] ** 2 + across**2).sqrt()
    radius = 3 + 5 * torch.rand(count, 1, 1, generator=generator)
    rgba = torch.zeros(count, SIZE, SIZE, 4, dtype=torch.uint8)
    rgba[..., :3] = torch.randint(0, 256, (count, 1, 1, 3), generator=generator)
    rgba[..., 3] = (distance < radius) * 255
    rows = [Row([f"thing {n}", f"disc {n}"], ("flat", "3d")[n % 2], GROUPS[n % len(GROUPS)]) for n in range(count)]
    return Pictures(rgba, rows)


def tiny_run(
    folder: Path,
    *,
    steps: int = 18,
    precision: str = "fp32",
    should_stop: Callable[[], bool] = lambda: False,
) -> stages.Run:
    """A run in `folder` that finds its pictures there; `steps` are of the three phases together."""
    around = Surroundings(
        folder, choose_compute("cpu", precision), 4, Console(quiet=True), lambda: nullcontext(should_stop)
    )
    run = stages.Run(tiny_recipe(), Budget(steps, "steps"), folder / "packages", around)
    tiny_pictures().save(run.file("pictures.safetensors"))
    return run


def do(run: stages.Run, *names: str) -> None:
    """Do these stages, in this order."""
    for name in names:
        stages.STAGES[name](run)


def _train_and_hang(folder: Path) -> None:
    asked = 0

    def hang_after_five() -> bool:
        nonlocal asked
        asked += 1
        if asked == 6:
            print("five steps", flush=True)
            time.sleep(600)
        return False

    torch.set_num_threads(1)
    do(tiny_run(folder, should_stop=hang_after_five), "vae")


if __name__ == "__main__":
    _train_and_hang(Path(sys.argv[1]))
