"""How far a judge's scores say what people say, from plain arrays: the mathematics behind `judge_tallies`.

A pair has its `gain`, how much better the judge holds its first picture, and its `p`, people's preference for it. Which
picture is the first says nothing, so every figure counts each pair from either side and stays the same where two change
places.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.services.measures import Z95

Values = NDArray[np.float64]
Table = dict[tuple[str, str], int]  # how many pairs, by what the judge and what people hold better

ANSWERS = ("first", "tie", "second")
PER_OCTAVE = 2  # bins of the score difference
MOST_CORRELATED = 0.999999  # a correlation of exactly 1 has no place on Fisher's scale
FEWEST = 4  # pairs whose correlation has an interval


@dataclass(frozen=True)
class Bin:
    """Pairs whose scores lie about so far apart: how often people prefer the judge's better picture, in pairs (an even
    pair is half one), of how many, and the differences added up."""

    preferred: float
    pairs: int
    differences: float


@dataclass(frozen=True)
class Dispute:
    """Where a pair stands in the arrays, and how far judge and people are apart on it."""

    place: int
    weight: float


def table(gain: Values, p: Values) -> Table:
    """How many pairs by the judge's better picture and people's, either of which may be `tie`."""
    judge, people = 1 - np.sign(gain).astype(int), 1 - np.sign(p - 0.5).astype(int)
    return {
        (one, other): int(((judge == i) & (people == j)).sum())
        for i, one in enumerate(ANSWERS)
        for j, other in enumerate(ANSWERS)
    }


def pearson(gain: Values, p: Values) -> float | None:
    """The correlation of score difference and preference: point-biserial where one person answered each pair. None
    where either is the same throughout."""
    return _correlation(gain, 2 * p - 1)


def spearman(gain: Values, p: Values) -> float | None:
    """The same of their ranks, so that only the order of the differences matters."""
    both, said = np.concatenate([gain, -gain]), np.concatenate([p, 1 - p])
    return _correlation(_ranks(both), _ranks(said))


def bins(gain: Values, p: Values) -> dict[int, Bin]:
    """Pairs by how far their scores lie apart, on an octave scale that needs no unit; those of equal scores are left
    out, since the judge prefers neither."""
    apart = gain != 0
    difference = np.abs(gain[apart])
    preferred = np.where(gain[apart] > 0, p[apart], 1 - p[apart])
    numbers = np.floor(PER_OCTAVE * np.log2(difference)).astype(int)
    return {
        int(number): Bin(float(preferred[here].sum()), int(here.sum()), float(difference[here].sum()))
        for number in np.unique(numbers)
        for here in [numbers == number]
    }


def disputes(gain: Values, p: Values, *, most: int) -> list[Dispute]:
    """The pairs on which the judge prefers what people do not, those furthest apart first: a clear preference against a
    large difference."""
    weight = -gain * (2 * p - 1)
    order = np.argsort(-weight, kind="stable")[:most]
    return [Dispute(int(place), float(weight[place])) for place in order if weight[place] > 0]


@dataclass(frozen=True)
class Correlation:
    """A correlation with its interval of 95 % on Fisher's scale."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    @classmethod
    def of(cls, z: float, freedom: float, *, of_ranks: bool) -> "Correlation":
        """From its place on Fisher's scale and the pairs behind it, less 3 for each sample. For ranks the variance is
        that of D. Bonett and T. Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman
        correlations", Psychometrika 65 (2000)."""
        value = math.tanh(z)
        half = Z95 * math.sqrt((1 + value**2 / 2 if of_ranks else 1.0) / freedom)
        return cls(value, math.tanh(z - half), math.tanh(z + half))


def merged(found: dict[int, Bin], *, most: int) -> list[Bin]:
    """The bins in their order, neighbours put together until there are `most` at most of about the same size."""
    wanted = sum(one.pairs for one in found.values()) / most
    groups: list[Bin] = []
    for number in sorted(found):
        one = found[number]
        if groups and groups[-1].pairs < wanted:
            one = _sum(groups.pop(), one)
        groups.append(one)
    if len(groups) > 1 and groups[-1].pairs < wanted / 2:
        groups[-2:] = [_sum(*groups[-2:])]
    return groups


def written(found: dict[int, Bin]) -> dict[str, Any]:
    """Bins as JSON."""
    return {str(number): [one.preferred, one.pairs, one.differences] for number, one in found.items()}


def added(stored: list[dict[str, Any]]) -> dict[int, Bin]:
    """Bins that were written of several rounds, put together."""
    found: dict[int, Bin] = {}
    for one in stored:
        for number, values in one.items():
            found[int(number)] = _sum(found.get(int(number), Bin(0, 0, 0)), Bin(*values))
    return found


def _sum(one: Bin, other: Bin) -> Bin:
    return Bin(one.preferred + other.preferred, one.pairs + other.pairs, one.differences + other.differences)


def _correlation(x: Values, y: Values) -> float | None:
    """Of values whose mean is 0, from either side."""
    size = math.sqrt(float(x @ x) * float(y @ y))
    return float(np.clip(x @ y / size, -1, 1)) if size > 0 else None


def _ranks(values: Values) -> Values:
    """Ranks about 0, equal values sharing the middle of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Values = (last - (counts - 1) / 2)[inverse] - (len(values) + 1) / 2
    return ranks
