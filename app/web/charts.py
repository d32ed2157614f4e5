"""Curves as geometry: what a template needs to draw them as inline SVG, readable without JavaScript.

All coordinates are in the picture's own units (WIDTH × HEIGHT, y downwards). Colours are classes, never styles, so the
same picture serves light and dark and passes a strict content security policy.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from app.services.training_views import Point

P = TypeVar("P")

WIDTH, HEIGHT = 360, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 22
RAW_ABOVE = 40


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Spread:
    """How far a curve's value at one step may be off: from `low` to `high`."""

    step: int
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """One curve: its name, its place among the colours, its path, and its points for the reader that hovers. `band` and
    `bars` are the paths of how far its values may be off, where that is known."""

    name: str
    colour: int
    path: str
    faint: str
    points: Sequence[tuple[float, float, int, float]]
    last: float
    band: str = ""
    bars: str = ""


@dataclass(frozen=True)
class Chart:
    """A line chart. `guide` is a height to compare with, such as the loss of a policy that has learned nothing."""

    lines: Sequence[Line]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    guide: Tick | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM
    top: int = TOP

    @property
    def is_empty(self) -> bool:
        return not self.lines


@dataclass(frozen=True)
class Bar:
    """One column of a bar chart: its box, and what it stands for. None: nothing was measured there."""

    label: str
    x: float
    y: float
    width: float
    height: float
    value: float | None


@dataclass(frozen=True)
class Bars:
    """A row of columns over shared labels; `zero` is the height of the zero line."""

    bars: Sequence[Bar]
    zero: float
    top_label: str
    bottom_label: str
    width: int
    height: int
    left: int = LEFT


def line_chart(
    series: Sequence[tuple[str, Sequence[Point]]], *, guide: float | None = None,
    floor: float | None = None, ceiling: float | None = None, smooth: bool = False,
    spreads: Mapping[str, Sequence[Spread]] | None = None,
) -> Chart:  # fmt: skip
    """Curves over their steps. `floor` and `ceiling` are values that the axis must reach. `spreads` are drawn around
    the curves of their names; those that nothing bounds are left out.

    With `smooth`, a long curve is drawn as its running mean over a twentieth of it, with the values themselves faint
    behind: one pair decides one step, so single values jump.
    """
    drawn = [(name, points) for name, points in series if points]
    if not drawn:
        return Chart((), (), (), None)
    steps = [point.step for _, points in drawn for point in points]
    values = [point.value for _, points in drawn for point in points if math.isfinite(point.value)]
    off = {
        name: [one for one in some if math.isfinite(one.low) and math.isfinite(one.high)]
        for name, some in (spreads or {}).items()
    }
    values += [end for some in off.values() for one in some for end in (one.low, one.high)]
    low, high = _span([*values, *(v for v in (guide, floor, ceiling) if v is not None)])
    x = _scale(min(steps), max(steps), LEFT, WIDTH - RIGHT)
    y = _scale(low, high, HEIGHT - BOTTOM, TOP)
    return Chart(
        [
            _around(_line(name, colour, points, x, y, smooth), off.get(name, ()), x, y)
            for colour, (name, points) in enumerate(drawn)
        ],
        [Tick(x(step), str(step)) for step in _whole_ticks(min(steps), max(steps))],
        _labelled(_ticks(low, high, 3), y),
        None if guide is None else Tick(y(guide), short(guide)),
    )


def thinned(points: Sequence[P], most: int = 200) -> Sequence[P]:
    """At most about so many of them at even distances; the newest is always among them."""
    return points[:: -max(-(-len(points) // most), 1)][::-1]


def bar_row(labels: Sequence[str], values: Sequence[float | None], *, height: int = 60) -> Bars:
    """Columns, one per label, up or down from zero."""
    present = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min([0.0, *present]), max([0.0, *present])
    high = high if high > low else low + 1
    y = _scale(low, high, height - 4, 4)
    step = (WIDTH * 2 - LEFT - RIGHT) / max(len(labels), 1)
    bars = [
        Bar(
            label, round(LEFT + i * step + step * 0.12, 2), round(min(y(value or 0), y(0)), 2), round(step * 0.76, 2),
            round(abs(y(value or 0) - y(0)), 2), value,
        )
        for i, (label, value) in enumerate(zip(labels, values, strict=True))
    ]  # fmt: skip
    return Bars(bars, y(0), short(high), short(low), WIDTH * 2, height)


def short(value: float, digits: int = 4) -> str:
    """A number in at most about six characters; more where more digits are asked for."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000 or abs(value) < 0.001:
        mantissa, exponent = f"{value:.{digits - 2}e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.{digits}g}"


def _labelled(values: Sequence[float], y: Callable[[float], float]) -> list[Tick]:
    """Ticks with as many digits as tell them apart: a curve that hardly moves has an axis too."""
    for digits in range(4, 9):
        labels = [short(value, digits) for value in values]
        if len(set(labels)) == len(labels):
            break
    return [Tick(y(value), label) for value, label in zip(values, labels, strict=True)]


def _line(
    name: str,
    colour: int,
    points: Sequence[Point],
    x: Callable[[float], float],
    y: Callable[[float], float],
    smooth: bool,
) -> Line:
    finite = [point for point in points if math.isfinite(point.value)]
    shown = _running_mean(finite) if smooth and len(finite) > RAW_ABOVE else finite
    return Line(
        name,
        colour,
        _path(shown, x, y),
        _path(finite, x, y) if shown is not finite else "",
        [(x(point.step), y(point.value), point.step, float(f"{point.value:.6g}")) for point in shown],
        shown[-1].value if shown else math.nan,
    )


def _around(line: Line, spreads: Sequence[Spread], x: Callable[[float], float], y: Callable[[float], float]) -> Line:
    """The line with a band through the ends of the spreads, and a bar for each; bars of several lines stand beside each
    other."""
    if not spreads:
        return line
    there = [f"{x(one.step):.1f} {y(one.high):.1f}" for one in spreads]
    back = [f"{x(one.step):.1f} {y(one.low):.1f}" for one in reversed(spreads)]
    bars = "".join(f"M{x(one.step) + 2 * line.colour:.1f} {y(one.high):.1f}V{y(one.low):.1f}" for one in spreads)
    return replace(line, band=f"M{'L'.join(there + back)}Z", bars=bars)


def _running_mean(points: Sequence[Point]) -> list[Point]:
    """Each value replaced by the mean of the twentieth of the curve that ends there."""
    window = max(len(points) // 20, 5)
    means, total = [], 0.0
    for i, point in enumerate(points):
        total += point.value - (points[i - window].value if i >= window else 0.0)
        means.append(Point(point.step, total / min(i + 1, window)))
    return means


def _path(points: Sequence[Point], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    """An SVG path; a single point becomes a short dash, so that it can be seen."""
    if len(points) == 1:
        return f"M{x(points[0].step) - 2:.1f} {y(points[0].value):.1f}h4"
    return "".join(f"{'ML'[i > 0]}{x(point.step):.1f} {y(point.value):.1f}" for i, point in enumerate(points))


def _scale(low: float, high: float, at_low: float, at_high: float) -> Callable[[float], float]:
    """The straight line that takes `low` to `at_low` and `high` to `at_high`."""
    ratio = (at_high - at_low) / (high - low) if high > low else 0.0
    return lambda value: round(at_low + (value - low) * ratio, 2)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The axis for these values: a little more than they take, and never nothing."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - room), high + room


def _ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round values (1, 2 or 5 times a power of ten apart) between `low` and `high`."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * min((1, 2, 5, 10), key=lambda factor: abs(factor * power - raw))
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, math.floor(high / step) + 1)]


def _whole_ticks(low: int, high: int) -> list[int]:
    """A few whole steps, the first and the last among them."""
    inner = [int(value) for value in _ticks(low, high, 4) if value == int(value)] if high > low else []
    room = (high - low) / 10
    return sorted({low, high, *(value for value in inner if low + room < value < high - room)})
