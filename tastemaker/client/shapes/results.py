"""Whether it gets better: pictures, scores of judges, ranks by people."""

from dataclasses import dataclass

from tastemaker.client.shapes.words import Sampler


@dataclass(frozen=True)
class GridPicture:
    """One policy's evaluation picture; its file is sample `sample`."""

    policy: int
    sample: int
    width: int
    height: int


@dataclass(frozen=True)
class GridRow:
    """One prompt at one noise, with the pictures that are drawn by now."""

    prompt: int
    text: str
    draw: int
    pictures: list[GridPicture]


@dataclass(frozen=True)
class Mean:
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PolicyScore:
    """A judge's mean of one policy and sampler, and its paired difference to the base."""

    number: int
    checkpoint: int | None
    sampler: Sampler
    pictures: int
    score: Mean
    difference: Mean | None
    paired: int
    better: bool | None


@dataclass(frozen=True)
class JudgeScores:
    judge: str
    unit: str | None
    larger_is_better: bool | None
    policies: list[PolicyScore]


@dataclass(frozen=True)
class Policy:
    number: int
    checkpoint: int | None


@dataclass(frozen=True)
class Standing(Policy):
    """A policy's place by people's blind comparisons (Bradley and Terry)."""

    place: int
    strength: float
    low: float | None
    high: float | None
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    open: str
    choices: int


@dataclass(frozen=True)
class Ranking:
    choices: int
    standings: list[Standing]
    apart: list[Policy]
