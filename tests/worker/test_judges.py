"""JPEG size as the papers measure it, and how judges are found."""

import io

import numpy as np
import pytest
from PIL import Image

from worker.judges import UnknownJudgeError, find, names


def noisy(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_the_score_is_the_size_at_quality_95_in_kilobytes() -> None:
    image = noisy(0)
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="JPEG", quality=95)
    for name in ("jpeg_compressibility", "jpeg_incompressibility"):
        assert find(name).score(image) == len(file.getvalue()) / 1000
        assert find(name).unit == "kB"


def test_the_two_judges_differ_in_what_they_like() -> None:
    flat, rich = np.full((64, 64, 3), 200, dtype=np.uint8), noisy(1)
    small, large = find("jpeg_compressibility"), find("jpeg_incompressibility")
    assert small.score(flat) < small.score(rich)
    assert small.better(small.score(flat), small.score(rich)) == 1
    assert large.better(large.score(flat), large.score(rich)) == -1
    assert small.better(2.0, 2.0) == large.better(2.0, 2.0) == 0


def test_judges_are_found_by_their_name() -> None:
    assert {"jpeg_compressibility", "jpeg_incompressibility"} <= set(names())
    assert all(find(name).name == name for name in names())
    with pytest.raises(
        UnknownJudgeError, match=r"There is no judge 'beauty'. Take one that is installed: .*jpeg_compressibility"
    ):
        find("beauty")
