"""Pictures from elsewhere as we keep them: the lossless PNG that judges read, and the WebP that browsers get."""

import hashlib
from typing import NamedTuple

from PIL import Image, ImageOps

from app import picture_files
from app.errors import BadInput

SMALLEST = 8  # pixels a side


class Coded(NamedTuple):
    """A picture in both files."""

    png: bytes
    webp: bytes
    width: int
    height: int


def check(data: bytes) -> None:
    """Raises `BadInput` that says why the picture cannot be used; all of it is decoded."""
    _decoded(data)


def coded(data: bytes) -> Coded:
    """The picture in both files. A plain PNG stays as it is, to the byte; anything else keeps its pixels. Raises as
    `check`."""
    image, is_plain_png = _decoded(data)
    png = data if is_plain_png else picture_files.png(image)
    return Coded(png, picture_files.webp(image), image.width, image.height)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _decoded(data: bytes) -> tuple[Image.Image, bool]:
    """The picture upright in RGB, and whether its bytes are a PNG of just that."""
    with picture_files.opened(data) as image:
        if min(image.size) < SMALLEST:
            raise BadInput(f"is smaller than {SMALLEST} pixels a side")
        upright = ImageOps.exif_transpose(image)
        is_plain = image.format == "PNG" and image.mode == "RGB" and getattr(image, "n_frames", 1) == 1
        is_plain = is_plain and image.getexif().get(0x0112, 1) == 1  # no orientation of its own
        return upright.convert("RGB"), is_plain
