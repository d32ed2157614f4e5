"""How pictures look: the distance against scikit-image's SSIM and values worked out by hand, the rest by hand."""

import math

import numpy as np
import pytest

from worker.appearance import Seen, looks

Y, X = np.mgrid[0:40, 0:48]
RAMP = np.stack([X * 5 % 256, Y * 6 % 256, (X + Y) * 3 % 256], axis=2).astype(np.uint8)
OTHER = np.stack([(X * 5 + 20) % 256, Y * 6 % 256, (X - Y) * 3 % 256], axis=2).astype(np.uint8)


def flat(*colour: int, side: int = 16) -> np.ndarray:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def rms(first: np.ndarray, second: np.ndarray) -> float:
    squares = [(int(a) - int(b)) ** 2 for a, b in zip(first.flat, second.flat, strict=True)]
    return math.sqrt(sum(squares) / len(squares)) / 255


def distance(first: np.ndarray, second: np.ndarray) -> float:
    return Seen(first).distance(Seen(second))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (RAMP, OTHER, 0.13695326718274864),
        (RAMP, RAMP[::-1], 0.32463919521051465),
        (OTHER, RAMP[:, ::-1], 0.38195234056295024),
    ],
)
def test_the_distance_is_that_of_scikit_image(first: np.ndarray, second: np.ndarray, expected: float) -> None:
    """(1 - v) / 2 with v = skimage.metrics.structural_similarity of 0.26 (channel_axis=2, gaussian_weights=True,
    sigma=1.5, use_sample_covariance=False, data_range=255)."""
    assert distance(first, second) == pytest.approx(expected, abs=1e-12)
    assert distance(second, first) == pytest.approx(expected, abs=1e-12)


def test_flat_pictures_differ_by_their_brightness_alone() -> None:
    """Without variance SSIM is (2ab + C1) / (a² + b² + C1); equal channels count as equal."""
    c1 = 2.55**2
    one_channel = (2 * 200 * 100 + c1) / (200**2 + 100**2 + c1)
    expected = (1 - (one_channel + 1 + 1) / 3) / 2
    assert distance(flat(200, 50, 0), flat(100, 50, 0)) == pytest.approx(expected, abs=1e-12)


def test_a_picture_is_nowhere_from_itself_and_far_from_its_negative() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert distance(noise, noise) == pytest.approx(0, abs=1e-12)
    assert distance(noise, 255 - noise) > 0.9
    assert distance(noise, noise // 2 + 60) < 0.3


def test_large_pictures_are_looked_at_from_afar() -> None:
    """Blocks of two by two are averaged at 512 pixels: a checkerboard of single pixels is grey from there."""
    y, x = np.mgrid[0:512, 0:512]
    board = np.repeat(((x + y) % 2 * 255)[:, :, None], 3, axis=2).astype(np.uint8)
    shown = Seen(board)
    assert shown.pixels.shape == (256, 256, 3)
    assert np.all(shown.pixels == 127.5)


def test_a_picture_smaller_than_the_window_is_looked_at_too() -> None:
    assert distance(flat(10, 10, 10, side=4), flat(10, 10, 10, side=4)) == pytest.approx(0, abs=1e-12)
    assert distance(flat(0, 0, 0, side=1), flat(255, 255, 255, side=1)) > 0.49


def test_brightness_and_saturation_are_those_of_the_colours() -> None:
    (red, grey, black), _ = looks([flat(255, 0, 0), flat(64, 64, 64), flat(0, 0, 0)])
    assert (red.brightness, red.saturation) == (pytest.approx(0.299), 1.0)
    assert (grey.brightness, grey.saturation) == (pytest.approx(64 / 255), 0.0)
    assert (black.brightness, black.saturation) == (0.0, 0.0)
    (half,), _ = looks([flat(200, 150, 100)])
    assert half.saturation == pytest.approx(0.5)


def test_sharpness_is_the_deviation_of_the_laplacian() -> None:
    """One white pixel of 5 × 5: of the nine inner places one has -4, four have 1, four have 0. Their mean is 0."""
    dot = flat(0, 0, 0, side=5)
    dot[2, 2] = 255
    (point, plain), _ = looks([dot, flat(90, 90, 90, side=5)])
    assert point.sharpness == pytest.approx(math.sqrt((16 + 4) / 9))
    assert plain.sharpness == pytest.approx(0, abs=1e-12)


def test_black_and_white_differ_most_in_colour() -> None:
    (black, white), _ = looks([flat(0, 0, 0), flat(255, 255, 255)])
    assert (black.colours_apart, white.colours_apart) == (1.0, 1.0)


def test_a_picture_is_so_far_apart_as_the_mean_of_its_distances() -> None:
    found, distances = looks([RAMP, OTHER, RAMP[::-1]])
    assert distances.keys() == {(0, 1), (0, 2), (1, 2)}
    assert distances[0, 1] == pytest.approx(0.13695326718274864)
    assert found[0].colours_apart == pytest.approx((rms(RAMP, OTHER) + rms(RAMP, RAMP[::-1])) / 2)
    assert found[0].apart == pytest.approx((distances[0, 1] + distances[0, 2]) / 2)
    assert found[2].apart == pytest.approx((distances[0, 2] + distances[1, 2]) / 2)
    assert sum(one.apart or 0 for one in found) / 3 == pytest.approx(sum(distances.values()) / 3)


def test_a_picture_that_stands_alone_is_not_apart_from_anything() -> None:
    (alone,), distances = looks([RAMP])
    assert (alone.apart, alone.colours_apart) == (None, None)
    assert distances == {}
