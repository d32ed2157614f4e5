"""Measures: shares and means with their intervals, and response times among which outliers stand out."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Logs = NDArray[np.float64]
Where = NDArray[np.bool_]

Z95 = 1.959964  # of the normal distribution, for intervals of 95 %
MAD_TO_DEVIATION = 0.6745  # the median absolute deviation of a normal distribution, in standard deviations
OUTLYING = 3.5
NOBODY_LOOKS_WITHIN_MS = 300


@dataclass(frozen=True)
class Share:
    """`part` of `of`; a tie may be half a count. With its Wilson interval of 95 %: E. B. Wilson, "Probable inference,
    the law of succession, and statistical inference", JASA 22 (1927)."""

    part: float
    of: int

    @property
    def value(self) -> float | None:
        return self.part / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """From where to where the share may lie; 0 to 1 while nothing was counted."""
        if self.of == 0:
            return 0.0, 1.0
        p, shrink = self.part / self.of, 1 + Z95**2 / self.of
        centre = (p + Z95**2 / (2 * self.of)) / shrink
        half = Z95 / shrink * math.sqrt(p * (1 - p) / self.of + Z95**2 / (4 * self.of**2))
        return max(0.0, centre - half), min(1.0, centre + half)

    def excludes(self, value: float) -> bool:
        """Whether the share differs from `value` by more than chance."""
        low, high = self.interval
        return not low <= value <= high


def difference_interval(first: Share, second: Share) -> tuple[float, float]:
    """From where to where `first` less `second` may lie, with 95 %: method 10 of R. G. Newcombe, "Interval estimation
    for the difference between independent proportions", Statistics in Medicine 17 (1998). -1 to 1 while either counted
    nothing."""
    if first.value is None or second.value is None:
        return -1.0, 1.0
    (low1, high1), (low2, high2), p1, p2 = first.interval, second.interval, first.value, second.value
    below, above = math.hypot(p1 - low1, high2 - p2), math.hypot(high1 - p1, p2 - low2)
    return p1 - p2 - below, p1 - p2 + above


@dataclass(frozen=True)
class Mean:
    """A mean with its normal interval of 95 %; nothing bounds that of a single value."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, mean: float, deviation: float | None, count: int) -> "Mean":
        """The mean of `count` values whose sample standard deviation is `deviation` (none: there is one value)."""
        half = math.inf if deviation is None or count < 2 else Z95 * deviation / math.sqrt(count)
        return cls(mean, mean - half, mean + half)

    @property
    def is_bounded(self) -> bool:
        return math.isfinite(self.low)

    def excludes(self, value: float) -> bool:
        """Whether the mean differs from `value` by more than chance."""
        return not self.low <= value <= self.high


class Mark(StrEnum):
    """What stands out in a response time."""

    NONE = "none"
    HASTY = "hasty"  # nobody can have looked at two pictures
    FAST = "fast"
    SLOW = "slow"


@dataclass(frozen=True)
class Pace:
    """Where someone's response times lie: median and median absolute deviation of their natural logarithms."""

    centre: float
    deviation: float

    @property
    def median_ms(self) -> float:
        return math.exp(self.centre)

    def mark(self, response_ms: int) -> Mark:
        """An outlier has a modified z-score above 3.5 (Iglewicz and Hoaglin, "How to detect and handle outliers",
        1993), taken over logarithms since response times are skewed. Where all are alike, none is one."""
        if response_ms < NOBODY_LOOKS_WITHIN_MS:
            return Mark.HASTY
        fast, slow = self.outlying(np.array([math.log(response_ms)]))
        return Mark.FAST if fast[0] else Mark.SLOW if slow[0] else Mark.NONE

    def outlying(self, logs: Logs) -> tuple[Where, Where]:
        """Which of these times, as logarithms, are unusually short, and which unusually long."""
        away = logs - self.centre
        if self.deviation == 0:
            return np.zeros(len(away), bool), np.zeros(len(away), bool)
        far = MAD_TO_DEVIATION * np.abs(away) > OUTLYING * self.deviation
        return far & (away < 0), far & (away > 0)
