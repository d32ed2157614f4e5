"""The size of a picture as JPEG, at quality 95, in kB of 1,000 bytes: the objectives of DDPO (arXiv 2305.13301,
section 4.1) and D3PO (arXiv 2311.13231, section 5.1), as `jpeg_incompressibility` of their code computes them.

Both judges give the same score and differ in what they like: the smaller or the larger file.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image

QUALITY = 95
BYTES_PER_KB = 1000


@dataclass(frozen=True)
class JpegSize:
    """Likes small files (`sign` -1) or large ones (+1)."""

    name: str
    sign: Literal[-1, 1]
    unit: str = "kB"

    def score(self, image: np.ndarray) -> float:
        """The size of `image` (H, W, 3) uint8 in kB."""
        buffer = BytesIO()
        Image.fromarray(image).save(buffer, format="JPEG", quality=QUALITY)
        return buffer.tell() / BYTES_PER_KB

    def better(self, first: float, second: float) -> Literal[-1, 0, 1]:
        """1 where the first score is better, -1 where the second is, 0 where both are the same."""
        gain = self.sign * (first - second)
        return 1 if gain > 0 else -1 if gain < 0 else 0


compressibility = JpegSize("jpeg_compressibility", -1)
incompressibility = JpegSize("jpeg_incompressibility", 1)
