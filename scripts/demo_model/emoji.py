"""Two emoji packages -> pictures: Noto's are the style `flat`, Fluent's the style `3d`, under the same names."""

import io
import json
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image

from scripts.demo_model.pictures import Pictures, Row
from scripts.demo_model.subjects import LEFT_OUT_CATEGORIES, LEFT_OUT_GROUPS

INDEX = "package/emoji.json"
FLAT = "package/img/google/64/{stem}.png"
ROUND = "package/assets/{stem}.webp"


def read_emoji(noto: Path, fluent: Path, size: int) -> Pictures:
    """Every emoji of both tarballs that is not left out, size × size, in the order of Noto's index.

    Nothing is unpacked to disk.
    """
    files = _files_beside(noto, INDEX, FLAT) | _files_beside(fluent, ROUND)
    pixels, rows = [], []
    for entry in filter(_is_wanted, json.loads(files[INDEX])):
        stem = PurePosixPath(entry["image"]).stem
        for style, path in (("flat", FLAT.format(stem=stem)), ("3d", ROUND.format(stem=stem))):
            if path in files:
                pixels.append(_square(Image.open(io.BytesIO(files[path])), size))
                rows.append(Row(_names(entry), style, _words(entry["subcategory"])))
    return Pictures(torch.from_numpy(np.stack(pixels)), rows)


def _files_beside(tarball: Path, *paths: str) -> dict[str, bytes]:
    """The files of a tarball that lie in the folders of these paths."""
    folders = {PurePosixPath(path).parent for path in paths}
    with tarfile.open(tarball, "r|gz") as archive:
        return {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.isfile() and PurePosixPath(member.name).parent in folders
        }


def _is_wanted(entry: dict[str, Any]) -> bool:
    return entry["category"] not in LEFT_OUT_CATEGORIES and entry["subcategory"] not in LEFT_OUT_GROUPS


def _names(entry: dict[str, Any]) -> list[str]:
    """Unicode's name, then the short names, each once, as one would type them."""
    name = _words((entry["name"] or entry["short_name"]).lower())
    return list(dict.fromkeys([name, *map(_words, entry["short_names"])]))


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _square(image: Image.Image, size: int) -> np.ndarray:
    """The picture in the middle of a transparent square, never stretched: size × size × 4."""
    image = image.convert("RGBA")
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return np.asarray(square)
