"""Pictures from elsewhere as we keep them: the lossless PNG that judges read, and the WebP that browsers get."""

import hashlib
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from app.errors import BadInput

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 40_000_000
SMALLEST = 8  # pixels a side
LOSSLESS_UP_TO, QUALITY = 256, 95  # of the WebP, as a worker writes those that it has drawn


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
    png = data if is_plain_png else _encoded(image, format="PNG")
    small = max(image.size) <= LOSSLESS_UP_TO
    webp = _encoded(image, format="WEBP", **({"lossless": True} if small else {"quality": QUALITY}))
    return Coded(png, webp, image.width, image.height)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _decoded(data: bytes) -> tuple[Image.Image, bool]:
    """The picture upright in RGB, and whether its bytes are a PNG of just that. Its size is looked at before anything
    is decoded."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise BadInput("has more than 40 million pixels")
            if min(opened.size) < SMALLEST:
                raise BadInput(f"is smaller than {SMALLEST} pixels a side")
            upright = ImageOps.exif_transpose(opened)
            is_plain = opened.format == "PNG" and opened.mode == "RGB" and getattr(opened, "n_frames", 1) == 1
            is_plain = is_plain and opened.getexif().get(0x0112, 1) == 1  # no orientation of its own
            return upright.convert("RGB"), is_plain
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise BadInput("is no PNG, JPEG or WebP that can be decoded") from error


def _encoded(image: Image.Image, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()
