"""Which checkpoint came from which, as geometry: what a template needs to draw it as inline SVG.

The base stands at the left, each checkpoint one column to the right of the one that it started from. The first that
came from a checkpoint goes on in its row; every further one opens a row of its own below.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.services.checkpoint_views import CheckpointLine

COLUMN, ROW, RADIUS, EDGE = 72, 62, 15, 30


@dataclass(frozen=True)
class Node:
    """A checkpoint as a disc; `line` is none for the base."""

    line: CheckpointLine | None
    x: int
    y: int
    is_here: bool


@dataclass(frozen=True)
class Lineage:
    """The picture: its discs, and the path of each step from one to the next."""

    nodes: Sequence[Node]
    paths: Sequence[str]
    width: int
    height: int
    radius: int = RADIUS


def draw(lines: Sequence[CheckpointLine], here: int | None = None) -> Lineage:
    """The study's checkpoints in any order. One whose parent is not among them stands behind the base by a gap."""
    by_number: dict[int, tuple[int, int]] = {0: (0, 0)}  # column and row
    went_on: set[int] = set()
    rows = 1
    for line in sorted(lines, key=lambda one: one.number):
        parent = line.parent_number or 0
        column, row = by_number.get(parent, (1, rows))
        if parent in went_on or parent not in by_number:
            row, rows = rows, rows + 1
        went_on.add(parent)
        by_number[line.number] = column + 1, row
    at = {number: (EDGE + column * COLUMN, EDGE + row * ROW) for number, (column, row) in by_number.items()}
    nodes = [Node(None, *at[0], False)]
    nodes += [Node(line, *at[line.number], line.id == here) for line in lines]
    paths = [_path(at[line.parent_number or 0], at[line.number]) for line in lines if (line.parent_number or 0) in at]
    columns = max(column for column, _ in by_number.values())
    return Lineage(nodes, paths, 2 * EDGE + columns * COLUMN, rows * ROW + 4)


def _path(start: tuple[int, int], end: tuple[int, int]) -> str:
    """From the edge of one disc to that of the next: straight in a row, else bent half way, past the words below."""
    (x1, y1), (x2, y2) = start, end
    if y1 == y2:
        return f"M{x1 + RADIUS} {y1}H{x2 - RADIUS}"
    middle = (x1 + x2) // 2
    return f"M{x1 + RADIUS} {y1}C{middle} {y1} {middle} {y2} {x2 - RADIUS} {y2}"
