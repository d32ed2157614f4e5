"""Pictures as arrays, in and out of the files in which they are kept."""

from io import BytesIO

import numpy as np
from PIL import Image

from app import picture_files


def png(image: np.ndarray) -> bytes:
    """`image` (H, W, 3) uint8, lossless."""
    return picture_files.png(Image.fromarray(image))


def webp(image: np.ndarray) -> bytes:
    """`image` (H, W, 3) uint8; lossless where neither side is over 256 pixels, else at quality 95."""
    return picture_files.webp(Image.fromarray(image))


def pixels(data: bytes) -> np.ndarray:
    """The picture in a PNG, (H, W, 3) uint8."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
