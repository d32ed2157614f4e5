"""The order in which rounds walk through the train prompts: shuffled anew for each pass by the study's seed."""

import hashlib
import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def walk(items: Sequence[T], *, seed: int, start: int, count: int, weights: Sequence[int] | None = None) -> list[T]:
    """`count` items from position `start` of the endless walk.

    A pass visits each item once, or as often as its weight says, in the smallest whole numbers that compare as the
    weights do: where all are equal the walk is the one without weights.
    """
    visits = _visits(weights or [1] * len(items))
    passes: dict[int, list[T]] = {}
    walked = []
    for position in range(start, start + count):
        number, place = divmod(position, len(visits))
        if number not in passes:
            passes[number] = [items[item] for item in _shuffled(visits, seed, number)]
        walked.append(passes[number][place])
    return walked


def _visits(weights: Sequence[int]) -> list[tuple[int, int]]:
    """All visits of a pass: which item, and the how manieth time."""
    shared = math.gcd(*weights)
    return [(item, time) for item, weight in enumerate(weights) for time in range(weight // shared)]


def _shuffled(visits: Sequence[tuple[int, int]], seed: int, number: int) -> list[int]:
    """A shuffle by sorted hashes: the same in every Python version, and no visit's place depends on another's."""

    def key(visit: tuple[int, int]) -> bytes:
        item, time = visit
        return hashlib.sha256(f"{seed}/walk/{number}/{item}{f'/{time}' if time else ''}".encode()).digest()

    return [item for item, _ in sorted(visits, key=key)]


def chunk_sizes(groups: int, most: int) -> list[int]:
    """One group first, so that people can begin; then doubling up to `most`. Sums to `groups`."""
    sizes, size = [], 1
    while groups > 0:
        sizes.append(min(size, most, groups))
        groups -= sizes[-1]
        size = min(size * 2, most)
    return sizes
