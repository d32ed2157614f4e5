"""The size of a picture as JPEG, at quality 95, in kB of 1,000 bytes: the objectives of DDPO (arXiv 2305.13301,
section 4.1) and D3PO (arXiv 2311.13231, section 5.1), as `jpeg_incompressibility` of their code computes them.

Both judges give the same score and differ in what they like: the smaller or the larger file.
"""

from io import BytesIO

import numpy as np
from PIL import Image

from worker.judges.scorer import Scorer

QUALITY = 95
BYTES_PER_KB = 1000


class Incompressibility(Scorer):
    """Likes large files."""

    name = "jpeg_incompressibility"
    unit = "kB"
    about = "The size of the picture as JPEG: the larger, the better."

    def score(self, image: np.ndarray, prompt: str) -> float:
        """The size of `image` in kB."""
        buffer = BytesIO()
        Image.fromarray(image).save(buffer, format="JPEG", quality=QUALITY)
        return buffer.tell() / BYTES_PER_KB


class Compressibility(Incompressibility):
    """Likes small files."""

    name = "jpeg_compressibility"
    about = "The size of the picture as JPEG: the smaller, the better."
    larger_is_better = False
