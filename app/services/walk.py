"""The order in which rounds walk through the train prompts: shuffled anew for each pass by the study's seed."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def walk(items: Sequence[T], *, seed: int, start: int, count: int) -> list[T]:
    """`count` items from position `start` of the endless walk; a pass visits each item once."""
    passes: dict[int, list[T]] = {}
    walked = []
    for position in range(start, start + count):
        number, place = divmod(position, len(items))
        if number not in passes:
            passes[number] = _shuffled(items, seed, number)
        walked.append(passes[number][place])
    return walked


def _shuffled(items: Sequence[T], seed: int, number: int) -> list[T]:
    """A shuffle by sorted hashes: the same in every Python version, and no item's place depends on another's."""
    order = sorted(range(len(items)), key=lambda i: hashlib.sha256(f"{seed}/walk/{number}/{i}".encode()).digest())
    return [items[i] for i in order]


def chunk_sizes(groups: int, most: int) -> list[int]:
    """One group first, so that people can begin; then doubling up to `most`. Sums to `groups`."""
    sizes, size = [], 1
    while groups > 0:
        sizes.append(min(size, most, groups))
        groups -= sizes[-1]
        size = min(size * 2, most)
    return sizes
