"""Small files as people upload them."""

import io
from typing import Any

from PIL import Image


def png(width: int, height: int, **options: Any) -> bytes:
    return picture_file("PNG", width, height, **options)


def picture_file(kind: str, width: int, height: int, *, mode: str = "RGB", **options: Any) -> bytes:
    """A picture of one colour, half transparent where the mode can, in the format `kind`; options are Pillow's."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height), "#2e86ab80").save(buffer, kind, **options)
    return buffer.getvalue()
