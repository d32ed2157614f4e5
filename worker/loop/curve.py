"""The judge's score round by round as an SVG, with nothing to install."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from worker.loop.figures import Line

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 48
TICKS = 5
COLOURS = {"as the study draws": "#2f5fd0", "DDIM, eta 0": "#d07a2f"}


def curve(lines: Sequence[Line], *, title: str, unit: str) -> str:
    """The SVG's text: one polyline for each sampler, the base as round 0."""
    series = {
        "as the study draws": [line.eval_score for line in lines],
        "DDIM, eta 0": [line.eval_score_ddim for line in lines],
    }
    low, high = _range([value for values in series.values() for value in values])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        *_grid(low, high, unit),
        *_rounds(len(lines)),
    ]
    for place, (name, values) in enumerate(series.items()):
        points = [(_x(i, len(values)), _y(value, low, high)) for i, value in enumerate(values)]
        parts += _series(name, points, place)
    return "\n".join([*parts, "</svg>\n"])


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _x(place: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * place / max(count - 1, 1)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)


def _grid(low: float, high: float, unit: str) -> list[str]:
    parts = [f'<text x="8" y="{TOP - 8}" fill="#555">{escape(unit)}</text>']
    for tick in range(TICKS):
        value = low + (high - low) * tick / (TICKS - 1)
        y = _y(value, low, high)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:.3g}</text>')
    return parts


def _rounds(count: int) -> list[str]:
    every = max(1, count // 12)
    y = HEIGHT - BOTTOM + 18
    parts = [
        f'<text x="{_x(i, count):.1f}" y="{y}" text-anchor="middle" fill="#555">{i or "base"}</text>'
        for i in range(0, count, every)
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [*parts, f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle" fill="#555">round</text>']


def _series(name: str, points: Sequence[tuple[float, float]], place: int) -> list[str]:
    colour = COLOURS[name]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    legend = LEFT + 330 + 140 * place
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points),
        f'<circle cx="{legend}" cy="16" r="4" fill="{colour}"/>',
        f'<text x="{legend + 8}" y="20" fill="#333">{escape(name)}</text>',
    ]
