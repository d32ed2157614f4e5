"""How a picture looks, in numbers that need no judge and no weights: how far two pictures are from each other, and how
bright, how coloured and how sharp one is.

The distance is DSSIM, (1 - SSIM) / 2, with SSIM as its authors measure it: Z. Wang, A. C. Bovik, H. R. Sheikh,
E. P. Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE Transactions on
Image Processing 13(4), 2004: a Gaussian window of 11 pixels with standard deviation 1.5, K1 = 0.01, K2 = 0.03, over
the places where the window fits, and before it the picture averaged over blocks so that its shorter side is about 256
pixels, as their notes ask. We take the mean over red, green and blue, where they look at grey alone: two pictures that
differ in colour only do not look the same.

DSSIM compares structure and hardly sees that all backgrounds have become one colour; how far two pictures differ in
colour is the root of the mean square difference of their values. Sharpness is the standard deviation of the Laplacian
of luma (the square root of the focus measure LAPV in S. Pertuz, D. Puig, M. A. Garcia, "Analysis of focus measure
operators for shape-from-focus", Pattern Recognition 46(5), 2013). Brightness is the mean of luma (ITU-R BT.601),
saturation the mean of S in HSV.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from app.services.samples import Looks

WINDOW, DEVIATION = 11, 1.5  # pixels
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SIDE = 256  # pixels: the shorter side of what is looked at, about
LUMA = np.array([0.299, 0.587, 0.114])

Array = np.ndarray


class Seen:
    """A picture (H, W, 3) uint8 as it is looked at: made smaller, with what all its distances share worked out."""

    def __init__(self, image: Array) -> None:
        self.pixels = _reduced(image.astype(np.float64))
        padded = _at_least(self.pixels, WINDOW)
        self._padded = padded
        self._mean = _windowed(padded)
        self._variance = _windowed(padded**2) - self._mean**2

    def distance(self, other: "Seen") -> float:
        """How far the two look from each other: 0 where they are equal, 1 at most. Both must have the same size."""
        means, squares = self._mean * other._mean, self._mean**2 + other._mean**2
        covariance = _windowed(self._padded * other._padded) - means
        likeness = (2 * means + C1) * (2 * covariance + C2)
        likeness /= (squares + C1) * (self._variance + other._variance + C2)
        return float(np.clip((1 - likeness.mean()) / 2, 0, 1))

    def colour_difference(self, other: "Seen") -> float:
        """The root of the mean square difference of their values: 0 where they are equal, 1 for black and white."""
        return float(np.sqrt(np.mean((self.pixels - other.pixels) ** 2)) / 255)

    def looks(self, apart: Sequence[float], colours_apart: Sequence[float]) -> Looks:
        """How it looks by itself; with its distances to those that stand beside it, and its differences in colour."""
        luma = _at_least(self.pixels @ LUMA / 255, 3)
        laplacian = (
            luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
        )  # fmt: skip
        highest, lowest = self.pixels.max(axis=2), self.pixels.min(axis=2)
        saturation = np.divide(highest - lowest, highest, out=np.zeros_like(highest), where=highest > 0)
        return Looks(
            brightness=float(luma.mean()),
            saturation=float(saturation.mean()),
            sharpness=float(laplacian.std()),
            apart=_mean(apart),
            colours_apart=_mean(colours_apart),
        )


def looks(images: Sequence[Array]) -> tuple[list[Looks], Mapping[tuple[int, int], float]]:
    """How pictures of one prompt look that were drawn beside each other, in their order, and how far each two of them
    are from each other, by their places, the smaller first."""
    seen = [Seen(image) for image in images]
    places = list(combinations(range(len(seen)), 2))
    distances = {(i, j): seen[i].distance(seen[j]) for i, j in places}
    colours = {(i, j): seen[i].colour_difference(seen[j]) for i, j in places}
    return [one.looks(_of(place, distances), _of(place, colours)) for place, one in enumerate(seen)], distances


def _of(place: int, between: Mapping[tuple[int, int], float]) -> list[float]:
    """What lies between the picture at this place and each of the others."""
    return [value for places, value in between.items() if place in places]


def _reduced(pixels: Array) -> Array:
    """The picture averaged over square blocks, so that its shorter side is about `SIDE`; small ones stay as is."""
    block = max(1, round(min(pixels.shape[:2]) / SIDE))
    high, wide = (side // block for side in pixels.shape[:2])
    blocks = pixels[: high * block, : wide * block].reshape(high, block, wide, block, 3)
    return blocks.mean(axis=(1, 3))


def _at_least(pixels: Array, side: int) -> Array:
    """The picture, its edge repeated where it is smaller than `side`."""
    lacking = [(0, max(0, side - length)) for length in pixels.shape[:2]]
    return np.pad(pixels, [*lacking, (0, 0)][: pixels.ndim], mode="edge")


def _windowed(pixels: Array) -> Array:
    """The Gaussian mean around each place where the window fits."""
    down = sliding_window_view(pixels, WINDOW, axis=0) @ KERNEL
    return sliding_window_view(down, WINDOW, axis=1) @ KERNEL


def _kernel() -> Array:
    places = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(places**2) / (2 * DEVIATION**2))
    return weights / weights.sum()


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


KERNEL = _kernel()
