"""The PNG that judges read and the WebP that browsers get."""

import io

import numpy as np
import pytest
from PIL import Image

from worker.images import pixels, png, webp


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_png_is_lossless() -> None:
    image = picture(48, 64)
    assert (pixels(png(image)) == image).all()


@pytest.mark.parametrize(("size", "lossless"), [((256, 256), True), ((64, 257), False)])
def test_the_webp_is_lossless_up_to_256_pixels(size: tuple[int, int], lossless: bool) -> None:
    image = picture(*size)
    assert (pixels(webp(image)) == image).all() == lossless
    with Image.open(io.BytesIO(webp(image))) as read:
        assert (read.format, read.size) == ("WEBP", size[::-1])
