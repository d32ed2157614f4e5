"""Dots with their intervals below each other, as geometry for inline SVG: who is stronger, and how sure that is.

The axis is linear in log-strengths and labelled by what they mean: how often one is expected to win against the base.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.services.bradley_terry import Strength
from app.web.charts import Tick

WIDTH, ROW, TOP, BOTTOM = 420, 24, 6, 22
LEFT, RIGHT = 96, 14
APART = 44  # the least distance of two labels
LABELS = (0.5, 0.9, 0.1, 0.75, 0.25, 0.99, 0.01, 0.6, 0.4, 0.95, 0.05, 0.999, 0.001)  # those that matter first


@dataclass(frozen=True)
class Dot:
    """One row: the height of its middle, its dot, and its interval, which may leave the picture at an end."""

    y: float
    x: float
    low: float
    high: float
    open_low: bool
    open_high: bool


@dataclass(frozen=True)
class Dots:
    """The chart. `ticks` are labelled with percent; `even` is where the base stands."""

    dots: Sequence[Dot]
    ticks: Sequence[Tick]
    even: float
    height: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT

    @property
    def bottom(self) -> int:
        return self.height - BOTTOM


def dots(strengths: Sequence[Strength]) -> Dots:
    """The strengths in the order given, from above."""
    ends = [end for one in strengths for end in (one.value, one.low, one.high) if math.isfinite(end)]
    low, high = min([*ends, -0.5]), max([*ends, 0.5])
    ratio = (WIDTH - LEFT - RIGHT) / (high - low)

    def x(value: float) -> float:
        return round(LEFT + (min(max(value, low), high) - low) * ratio, 1)

    rows = [
        Dot(
            TOP + ROW * (place + 0.5), x(one.value), x(one.low), x(one.high),
            math.isinf(one.low), math.isinf(one.high),
        )
        for place, one in enumerate(strengths)
    ]  # fmt: skip
    ticks: list[Tick] = []
    for share in LABELS:
        value = math.log(share / (1 - share))
        if low <= value <= high and all(abs(x(value) - tick.at) >= APART for tick in ticks):
            ticks.append(Tick(x(value), f"{100 * share:g}"))
    return Dots(rows, sorted(ticks, key=lambda tick: tick.at), x(0), TOP + ROW * len(rows) + BOTTOM)
