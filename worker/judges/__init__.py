"""Judges: scoring functions that answer pairs and score pictures, each installed under a name.

A judge is found by the entry point group `tastemaker.judges`, so that another package can bring its own: a class made
without arguments, or an instance. `docs/judges.md` shows one.
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from worker.judges.errors import BrokenJudgeError, JudgeError, UnknownJudgeError
from worker.judges.scorer import Scorer

__all__ = [
    "GROUP", "BrokenJudgeError", "Judge", "JudgeError", "Scorer", "UnknownJudgeError", "about", "find", "installed",
    "larger_is_better", "names", "needs_device", "prepare", "scores",
]  # fmt: skip

GROUP = "tastemaker.judges"
_FOUND: dict[str, "Judge"] = {}  # loaded once a process: some hold gigabytes of weights


class Judge(Protocol):
    """A scoring function with a name: what it says of a picture, in which unit, and which of two scores is better.

    `worker.judges.Scorer` gives all of it but name and score. Beyond these a judge may have:
    `about`, a sentence on what it measures; `needs_device` = True, where it is slow without a GPU;
    `prepare(device, weights)`, called before it scores, with the device to compute on ("cuda", "cpu") and the folder
    that holds its weights, if there is one; `score_batch(images, prompts)`, the scores of several pictures at once.
    """

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    def score(self, image: np.ndarray, prompt: str) -> float:
        """The score of `image` (H, W, 3) uint8, drawn from `prompt`. Raises `JudgeError` saying what is missing."""
        ...

    def better(self, first: float, second: float) -> Literal[-1, 0, 1]:
        """1 where the first score is better, -1 where the second is, 0 where neither."""
        ...


def names() -> list[str]:
    """Every judge that is installed."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def find(name: str) -> Judge:
    """The judge of this name, the same one at every call. Raises `UnknownJudgeError` naming those that are installed,
    and `BrokenJudgeError` where it is none."""
    if name not in _FOUND:
        found = list(entry_points(group=GROUP, name=name))
        if not found:
            raise UnknownJudgeError(f"There is no judge {name!r}. Take one that is installed: {', '.join(names())}.")
        _FOUND[name] = _load(found[0])
    return _FOUND[name]


def installed() -> Iterator[Judge | BrokenJudgeError]:
    """Every judge that is installed, by name; in place of one that cannot be loaded, why."""
    for name in names():
        try:
            yield find(name)
        except BrokenJudgeError as error:
            yield error


def prepare(judge: Judge, *, device: str, weights: Path | None) -> None:
    """Tell a judge where to compute. `weights` is the folder in which judges have folders of their names."""
    ready = getattr(judge, "prepare", None)
    if ready is not None:
        own = weights / judge.name if weights is not None else None
        ready(device, own if own is not None and own.is_dir() else None)


def scores(judge: Judge, images: Sequence[np.ndarray], prompts: Sequence[str]) -> list[float]:
    """What the judge says of each picture. Raises `BrokenJudgeError` where that is no number for each."""
    batch = getattr(judge, "score_batch", None)
    if batch is None:
        found = [judge.score(image, prompt) for image, prompt in zip(images, prompts, strict=True)]
    else:
        found = list(batch(images, prompts))
    if len(found) != len(images) or not np.all(np.isfinite(np.array(found, dtype=float))):
        raise BrokenJudgeError(
            f"The judge {judge.name!r} gave {found!r} for {len(images)} pictures: no number for each."
        )
    return [float(value) for value in found]


def larger_is_better(judge: Judge) -> bool:
    return judge.better(1.0, 0.0) > 0


def needs_device(judge: Judge) -> bool:
    """Whether it is slow without a GPU."""
    return bool(getattr(judge, "needs_device", False))


def about(judge: Judge) -> str:
    """A sentence on what it measures; empty where it says none."""
    return str(getattr(judge, "about", ""))


def _load(entry: EntryPoint) -> Judge:
    try:
        made: Any = entry.load()
        judge = made() if isinstance(made, type) else made
    except Exception as error:  # whatever a package of someone else's does, the others are there
        raise BrokenJudgeError(
            f"The judge {entry.name!r} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    missing = [what for what in ("name", "unit", "score", "better") if not hasattr(judge, what)]
    if missing:
        raise BrokenJudgeError(
            f"{entry.value} is no judge: it has no {', '.join(missing)}. docs/judges.md shows what one needs."
        )
    if judge.name != entry.name:
        raise BrokenJudgeError(
            f"{entry.value} calls itself {judge.name!r} and is installed as {entry.name!r}. Give it one name."
        )
    found: Judge = judge
    return found
