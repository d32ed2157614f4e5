"""Pictures that tell by their pixels which they are: black and white blocks in the middle are the bits of a number.

Around them lies a texture, so that loading and decoding cost what a real picture's do.
"""

import numpy as np
from PIL import Image

from worker import images

SIDE = 3  # blocks in a row and in a column
MOST = 2 ** (SIDE * SIDE)
TEXTURE = 32
EDGE = 0.25  # the blocks fill the picture but for this share on each side

Box = tuple[float, float, float, float]  # left, top, width and height in pixels


def webp(number: int, size: int) -> bytes:
    """Picture `number`, less than `MOST`, as browsers get it."""
    small = np.random.default_rng(number).integers(0, 256, (TEXTURE, TEXTURE, 3), dtype=np.uint8)
    image = np.array(Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC))
    bits = np.array([number >> bit & 1 for bit in range(MOST.bit_length() - 1)], dtype=np.uint8).reshape(SIDE, SIDE)
    start, block = round(EDGE * size), round((1 - 2 * EDGE) * size / SIDE)
    image[start : start + SIDE * block, start : start + SIDE * block] = np.kron(
        bits * 255, np.ones((block, block), dtype=np.uint8)
    )[..., None]
    return images.webp(image)


def number_in(screen: Image.Image, box: Box) -> int:
    """The number of the picture that stands in `box` of a screenshot."""
    left, top, width, height = box
    places = [EDGE + (1 - 2 * EDGE) * (place + 0.5) / SIDE for place in range(SIDE)]
    grey = screen.convert("L")
    pixels = [grey.getpixel((round(left + x * width), round(top + y * height))) for y in places for x in places]
    return sum(2**bit for bit, pixel in enumerate(pixels) if pixel > 127)  # type: ignore[operator]  # grey: a number
