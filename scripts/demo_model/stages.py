"""The stages in their order. Each reads the files of those before it, and does nothing twice that is there already."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from scripts.demo_model import packages
from scripts.demo_model.budget import Budget
from scripts.demo_model.checkpoint import load_averaged
from scripts.demo_model.emoji import read_emoji
from scripts.demo_model.errors import DemoModelError
from scripts.demo_model.export import export, load_pipeline
from scripts.demo_model.files import whole_folder
from scripts.demo_model.latents import are_made_from, encode_all, load_latents, save_latents
from scripts.demo_model.pictures import Pictures
from scripts.demo_model.progress import progress
from scripts.demo_model.recipe import Recipe, Training, fingerprint
from scripts.demo_model.sheet import draw_sheet
from scripts.demo_model.subjects import trained
from scripts.demo_model.tokenizer import load_tokenizer, train_tokenizer
from scripts.demo_model.trainer import Surroundings, train
from scripts.demo_model.unet import UnetPhase, begin_network
from scripts.demo_model.vae import VaePhase, set_scaling_factor
from scripts.demo_model.yardstick import held_out_yardstick

UNET_ALL, UNET_NARROW = "unet-all", "unet-narrow"


@dataclass(frozen=True)
class Run:
    """One model in the making. `packages` is the folder of the npm tarballs; `budget` is for all phases together."""

    recipe: Recipe
    budget: Budget
    packages: Path
    around: Surroundings

    def file(self, name: str, made_by: str = "") -> Path:
        """A path in the run's folder. With `made_by`, raises DemoModelError where that stage has not made it yet."""
        path = self.around.folder / name
        if made_by and not path.exists():
            raise DemoModelError(f"{path} is not there: run `--stage {made_by}` first, or `--stage all`.")
        return path

    def share(self, training: Training) -> Budget:
        """A phase's part of the budget."""
        return self.budget.share(training.share / self.recipe.shares)

    def pictures(self) -> Pictures:
        """What the stage `data` made."""
        return Pictures.load(self.file("pictures.safetensors", "data"))

    def vae(self) -> Any:
        """What the stage `vae` made, on the run's device."""
        return AutoencoderKL.from_pretrained(self.file("vae", "vae")).eval().to(self.around.compute.device)


def fetch(run: Run) -> None:
    """The two npm packages, checked; not needed where their pictures have been read already."""
    if not run.file("pictures.safetensors").exists():
        for package in (packages.NOTO, packages.FLUENT):
            packages.fetch(package, run.packages)


def data(run: Run) -> None:
    """The pictures and their captions."""
    path = run.file("pictures.safetensors")
    if not path.exists():
        noto, fluent = (packages.fetch(package, run.packages) for package in (packages.NOTO, packages.FLUENT))
        pictures = read_emoji(noto, fluent, run.recipe.image_size)
        pictures.save(path)
        run.around.console.print(f"data: {len(pictures.rows)} pictures")


def tokenizer(run: Run) -> None:
    """The tokenizer; a second's work, so it is always done."""
    train_tokenizer(run.pictures().rows, run.recipe, run.file("tokenizer"))


def vae(run: Run) -> None:
    """The autoencoder, scaled so that its latents deviate by 1."""
    pictures, recipe = run.pictures(), run.recipe
    made_from = fingerprint(recipe, [run.file("pictures.safetensors")])
    phase = VaePhase(pictures, recipe, run.around.compute)
    averaged: Any = train(phase, run.share(recipe.vae), run.around, made_from)["vae"]
    set_scaling_factor(averaged, pictures)
    with whole_folder(run.file("vae")) as folder:
        averaged.to("cpu", memory_format=torch.contiguous_format).save_pretrained(folder)


def latents(run: Run) -> None:
    """Every picture on every background, encoded."""
    autoencoder, path = run.vae(), run.file("latents.safetensors")
    made_from = fingerprint(run.recipe, [run.file("pictures.safetensors"), *sorted(run.file("vae").iterdir())])
    if not are_made_from(path, made_from):
        with progress(run.around.console, "latents") as update:
            save_latents(encode_all(autoencoder, run.pictures(), update), path, made_from)


def unet(run: Run) -> None:
    """UNet and text encoder: first on all pictures, then on those of the narrowed groups."""
    recipe, around, inputs = run.recipe, run.around, _unet_inputs(run)
    first = _unet_phase(run, UNET_ALL, recipe.unet_all, narrowed=False)
    train(first, run.share(recipe.unet_all), around, fingerprint(recipe, inputs))
    begun_from = around.checkpoint(UNET_ALL)
    second = _unet_phase(run, UNET_NARROW, recipe.unet_narrow, narrowed=True)
    load_averaged(second.network, begun_from)
    train(second, run.share(recipe.unet_narrow), around, fingerprint(recipe, [*inputs, begun_from]))


def write_model(run: Run) -> None:
    """The pipeline folder, of the last phase's moving average as its checkpoint has it."""
    folder = run.file("tokenizer", "tokenizer")
    network = begin_network(run.recipe, load_tokenizer(folder))
    checkpoint = run.file(f"checkpoints/{UNET_NARROW}.safetensors", "unet")
    export(run.vae(), load_averaged(network, checkpoint), folder, run.file("model"))


def sheet(run: Run) -> None:
    """Three draws of each prompt."""
    pipeline = load_pipeline(run.file("model", "export"), run.around.compute.device)
    draw_sheet(pipeline, draws=3).save(run.file("sheet.png"))


STAGES: dict[str, Callable[[Run], None]] = {
    "fetch": fetch,
    "data": data,
    "tokenizer": tokenizer,
    "vae": vae,
    "latents": latents,
    "unet": unet,
    "export": write_model,
    "sheet": sheet,
}


def _unet_inputs(run: Run) -> list[Path]:
    return [run.file("latents.safetensors", "latents"), run.file("tokenizer", "tokenizer") / "vocab.json"]


def _unet_phase(run: Run, name: str, training: Training, *, narrowed: bool) -> UnetPhase:
    pictures, tokens = run.pictures(), load_tokenizer(run.file("tokenizer", "tokenizer"))
    return UnetPhase(
        name=name,
        training=training,
        network=begin_network(run.recipe, tokens),
        seed=run.recipe.seed,
        rows=pictures.rows,
        latents=load_latents(run.file("latents.safetensors", "latents")),
        places=torch.tensor(trained(pictures.rows, narrowed=narrowed)),
        tokenizer=tokens,
        vae=run.vae(),
        yardstick=held_out_yardstick(pictures),
        compute=run.around.compute,
    )
