"""Judges: scoring functions that answer pairs and score evaluation pictures, each installed under a name.

A judge is found by the entry point group `tastemaker.judges`, so that another package can bring its own.
"""

from importlib.metadata import entry_points
from typing import Literal, Protocol

import numpy as np

GROUP = "tastemaker.judges"


class UnknownJudgeError(LookupError):
    """No judge is installed under this name."""


class Judge(Protocol):
    """A scoring function with a name: what it says of a picture, in which unit, and which of two scores is better."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    def score(self, image: np.ndarray) -> float:
        """The score of `image` (H, W, 3) uint8."""
        ...

    def better(self, first: float, second: float) -> Literal[-1, 0, 1]:
        """1 where the first score is better, -1 where the second is, 0 where neither."""
        ...


def names() -> list[str]:
    """Every judge that is installed."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def find(name: str) -> Judge:
    """The judge of this name. Raises `UnknownJudgeError` naming those that are installed."""
    for entry in entry_points(group=GROUP, name=name):
        judge: Judge = entry.load()
        return judge
    raise UnknownJudgeError(f"There is no judge {name!r}. Take one that is installed: {', '.join(names())}.")
