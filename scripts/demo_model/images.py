"""Tensors -> pictures to look at."""

from PIL import Image
from torch import Tensor


def to_images(pictures: Tensor) -> list[Image.Image]:
    """N×3×S×S in -1…1 -> N images."""
    pixels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
    return [Image.fromarray(picture) for picture in pixels.cpu().numpy()]
