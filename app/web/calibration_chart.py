"""How often people prefer a judge's better picture, by how far its scores lie apart, as geometry for inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.services.judge_figures import Bin
from app.services.measures import Share
from app.web.charts import Tick, short

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 24
HEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Dot:
    """Pairs whose scores lie about `difference` apart: where their share stands, its interval, and what it is."""

    x: float
    y: float
    high: float
    low: float
    label: str
    share: Share


@dataclass(frozen=True)
class Calibration:
    """The chart; `even` is the height at which people prefer neither, `path` leads from dot to dot."""

    dots: Sequence[Dot]
    ticks: Sequence[Tick]
    even: float
    path: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def calibration(bins: Sequence[Bin]) -> Calibration:
    """A dot for each bin, the smallest differences on the left, at even distances: they differ by octaves."""
    step = (WIDTH - LEFT - RIGHT) / max(len(bins), 1)
    dots = []
    for place, one in enumerate(bins):
        share = Share(one.preferred, one.pairs)
        low, high = share.interval
        x = round(LEFT + step * (place + 0.5), 1)
        label = short(one.differences / one.pairs, 2)
        dots.append(Dot(x, _y(share.value or 0.0), _y(high), _y(low), label, share))
    path = "".join(f"{'ML'[place > 0]}{dot.x} {dot.y}" for place, dot in enumerate(dots))
    return Calibration(dots, [Tick(_y(value), f"{100 * value:g}") for value in HEIGHTS], _y(0.5), path)


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)
