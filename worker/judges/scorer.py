"""What most judges share, to be inherited: a judge of one's own then is a name and a score."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np


class Scorer:
    """A judge for whom the larger score is the better one, or the smaller. A subclass has a `name` and either of
    `score` and `score_batch`."""

    name: str
    unit: str = ""
    about: str = ""
    larger_is_better: bool = True
    needs_device: ClassVar[bool] = False

    def prepare(self, device: str, weights: Path | None) -> None:
        """Where to compute, and the folder of one's weights, if there is one. Called before scoring."""

    def score(self, image: np.ndarray, prompt: str) -> float:
        """The score of one picture, (H, W, 3) uint8."""
        return self.score_batch([image], [prompt])[0]

    def score_batch(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> Sequence[float]:
        """The scores of several pictures."""
        return [self.score(image, prompt) for image, prompt in zip(images, prompts, strict=True)]

    def better(self, first: float, second: float) -> Literal[-1, 0, 1]:
        """1 where the first score is better, -1 where the second is, 0 where both are the same."""
        gain = first - second if self.larger_is_better else second - first
        return 1 if gain > 0 else -1 if gain < 0 else 0
