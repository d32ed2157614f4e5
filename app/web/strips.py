"""Response times as a strip of dots: one a choice, on a logarithmic scale, what stands out told by its class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.services.measures import Mark

WIDTH, HEIGHT, MARGIN = 200, 36, 4
SHORTEST_MS, LONGEST_MS = 100, 60_000


@dataclass(frozen=True)
class Dot:
    """One response time at its place in the strip, in pixels from the upper left."""

    x: float
    y: float
    mark: Mark


def dots(times: Sequence[tuple[int, Mark]]) -> list[Dot]:
    """The times from left to right, slow ones above."""
    step = (WIDTH - 2 * MARGIN) / max(len(times) - 1, 1)
    return [Dot(round(MARGIN + n * step, 1), _height(ms), mark) for n, (ms, mark) in enumerate(times)]


def _height(ms: int) -> float:
    within = min(max(ms, SHORTEST_MS), LONGEST_MS)
    share = math.log(within / SHORTEST_MS) / math.log(LONGEST_MS / SHORTEST_MS)
    return round(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN), 1)
