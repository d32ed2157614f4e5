"""Brightness and saturation: judges that need no weights, cost nothing and are easily foretold, for tests and to try a
loop out."""

import numpy as np

from worker.judges.scorer import Scorer

LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue, ITU-R BT.601


class Brightness(Scorer):
    """The mean luma, 0 (black) to 1 (white)."""

    name = "brightness"
    about = "How bright the picture is, from 0 to 1."

    def score(self, image: np.ndarray, prompt: str) -> float:
        return float((image @ LUMA).mean() / 255)


class Saturation(Scorer):
    """The mean saturation as of HSV, 0 (grey) to 1 (pure colours)."""

    name = "saturation"
    about = "How strong the colours are, from 0 to 1."

    def score(self, image: np.ndarray, prompt: str) -> float:
        highest, lowest = image.max(axis=2).astype(float), image.min(axis=2).astype(float)
        return float(((highest - lowest) / np.maximum(highest, 1)).mean())
