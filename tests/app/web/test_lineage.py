from datetime import UTC, datetime

from app.services.checkpoint_views import CheckpointLine
from app.web import lineage
from app.web.lineage import COLUMN, ROW


def line(number: int, parent: int | None) -> CheckpointLine:
    return CheckpointLine(100 + number, 1, "Study", number, parent, 7, number, 1, 40, False, datetime.now(UTC), "a")


def places(picture: lineage.Lineage) -> dict[int, tuple[int, int]]:
    """Column and row by number, 0 for the base."""
    first = picture.nodes[0]
    return {
        node.line.number if node.line else 0: ((node.x - first.x) // COLUMN, (node.y - first.y) // ROW)
        for node in picture.nodes
    }


def test_a_line_of_descent_lies_in_one_row():
    picture = lineage.draw([line(3, 2), line(2, 1), line(1, None)], here=102)
    assert places(picture) == {0: (0, 0), 1: (1, 0), 2: (2, 0), 3: (3, 0)}
    assert len(picture.paths) == 3
    assert [node.line.number for node in picture.nodes if node.is_here and node.line] == [2]


def test_each_further_one_from_the_same_opens_a_row_of_its_own():
    picture = lineage.draw([line(1, None), line(2, 1), line(3, 1), line(4, 3), line(5, None), line(6, 2)])
    assert places(picture) == {0: (0, 0), 1: (1, 0), 2: (2, 0), 3: (2, 1), 4: (3, 1), 5: (1, 2), 6: (3, 0)}
    assert len(picture.paths) == 6
    assert len({(node.x, node.y) for node in picture.nodes}) == 7


def test_what_came_from_one_that_is_not_shown_stands_apart():
    picture = lineage.draw([line(8, 7), line(9, 8)])
    assert places(picture) == {0: (0, 0), 8: (2, 1), 9: (3, 1)}
    assert len(picture.paths) == 1


def test_without_checkpoints_there_is_the_base_alone():
    assert len(lineage.draw([]).nodes) == 1
