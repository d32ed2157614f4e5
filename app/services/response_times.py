"""How long someone takes to answer, and which of their times stand out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.services.measures import NOBODY_LOOKS_WITHIN_MS, Mark, Pace

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
    found = np.asarray(times)
    logs = np.log(np.maximum(found, 1))
    centre = float(np.median(logs))
    pace = Pace(centre, float(np.median(np.abs(logs - centre))))
    hasty, (fast, slow) = found < NOBODY_LOOKS_WITHIN_MS, pace.outlying(logs)
    marks = np.select([hasty, fast, slow], [Mark.HASTY, Mark.FAST, Mark.SLOW], Mark.NONE)
    hasties, fasts, slows = (int((marks == mark).sum()) for mark in (Mark.HASTY, Mark.FAST, Mark.SLOW))
    newest = [(ms, Mark(mark)) for ms, mark in zip(times[-SHOWN:], marks[-SHOWN:], strict=True)]
    return Times(pace.median_ms, hasties, fasts, slows, newest)
