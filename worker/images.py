"""Pictures as files: the PNG that judges read, and the WebP that browsers get."""

from io import BytesIO

import numpy as np
from PIL import Image

LOSSLESS_UP_TO = 256
QUALITY = 95


def png(image: np.ndarray) -> bytes:
    """`image` (H, W, 3) uint8, lossless."""
    return _encoded(image, format="PNG")


def webp(image: np.ndarray) -> bytes:
    """`image` (H, W, 3) uint8; lossless where neither side is over 256 pixels, else at quality 95."""
    if max(image.shape[:2]) <= LOSSLESS_UP_TO:
        return _encoded(image, format="WEBP", lossless=True)
    return _encoded(image, format="WEBP", quality=QUALITY)


def pixels(data: bytes) -> np.ndarray:
    """The picture in a PNG, (H, W, 3) uint8."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _encoded(image: np.ndarray, **options: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()
