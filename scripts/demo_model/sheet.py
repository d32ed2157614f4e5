"""A sheet of pictures: what a model draws for twenty prompts, with the prompt under each column."""

from typing import Any

import torch
from PIL import Image, ImageDraw

from scripts.demo_model.draws import generator

PROMPTS = (
    "cat face",
    "3d cat face",
    "flat dog",
    "red apple",
    "3d pizza",
    "whale",
    "flower on yellow",
    "smiling face with sunglasses",
    "red heart",
    "palm tree",
    "monkey face",
    "animal mammal",
    "fish on blue",
    "rose",
    "food fruit",
    "ghost on purple",
    "hamburger",
    "crab",
    "sun behind cloud",
    "bird",
)
COLUMNS = 10
GAP = 6
LABEL = 14
SCALE = 2


def draw(pipeline: Any, prompts: list[str], seeds: list[int], *, steps: int = 20) -> list[Image.Image]:
    """One picture per prompt, each from a noise of its own seed, at guidance 5 and eta 1."""
    pipeline.set_progress_bar_config(disable=True)
    noises = [generator("sheet", prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]
    with torch.inference_mode():
        drawn = pipeline(prompts, num_inference_steps=steps, guidance_scale=5.0, eta=1.0, generator=noises)
    return list(drawn.images)


def draw_sheet(pipeline: Any, *, draws: int, prompts: tuple[str, ...] = PROMPTS) -> Image.Image:
    """`draws` pictures of each prompt below each other, ten prompts to a band."""
    rows = [draw(pipeline, list(prompts), [seed] * len(prompts)) for seed in range(draws)]
    bands = [_band([row[at : at + COLUMNS] for row in rows], prompts[at : at + COLUMNS]) for at in _starts(prompts)]
    return stack(bands)


def tile(rows: list[list[Image.Image]]) -> Image.Image:
    """Equal pictures in rows and columns on white, at twice their size."""
    size = rows[0][0].width * SCALE + GAP
    sheet = Image.new("RGB", (size * max(map(len, rows)), size * len(rows)), "white")
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            sheet.paste(picture.resize((size - GAP, size - GAP)), (across * size, down * size))
    return sheet


def stack(bands: list[Image.Image]) -> Image.Image:
    """Pictures under each other."""
    sheet = Image.new("RGB", (max(band.width for band in bands), sum(band.height for band in bands)), "white")
    top = 0
    for band in bands:
        sheet.paste(band, (0, top))
        top += band.height
    return sheet


def _starts(prompts: tuple[str, ...]) -> range:
    return range(0, len(prompts), COLUMNS)


def _band(rows: list[list[Image.Image]], labels: tuple[str, ...]) -> Image.Image:
    pictures = tile(rows)
    band = Image.new("RGB", (pictures.width, pictures.height + LABEL), "white")
    band.paste(pictures, (0, 0))
    pen = ImageDraw.Draw(band)
    for across, label in enumerate(labels):
        pen.text((across * band.width // len(labels), pictures.height - GAP // 2), label, fill="black", font_size=9)
    return band
