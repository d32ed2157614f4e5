"""How long someone takes to answer, and which of their times stand out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.services.measures import Mark, Pace

SHOWN = 60


@dataclass(frozen=True)
class Times:
    """How long someone's newest answers took. `hasty` are too quick for anyone to have looked; `fast` and `slow` stand
    out among their own. `newest` are the last ones, in the order in which they were made, with what stands out."""

    median_ms: float
    hasty: int
    fast: int
    slow: int
    newest: Sequence[tuple[int, Mark]]


def of(times: Sequence[int]) -> Times | None:
    """These times, in milliseconds, oldest first; none where there are none."""
    if not times:
        return None
    logs = np.log(np.maximum(times, 1))
    centre = float(np.median(logs))
    pace = Pace(centre, float(np.median(np.abs(logs - centre))))
    marked = [(ms, pace.mark(ms)) for ms in times]
    marks = [mark for _, mark in marked]
    return Times(
        pace.median_ms, marks.count(Mark.HASTY), marks.count(Mark.FAST), marks.count(Mark.SLOW), marked[-SHOWN:]
    )
