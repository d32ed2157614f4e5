"""Which pairs of a group are shown."""

from itertools import combinations

import pytest

from app.models import Sample
from app.services import chunks

ROWS = [Sample(number=number) for number in (2, 0, 3, 1)]  # as they may come: in no order
DISTANCES = {(0, 1): 0.02, (0, 2): 0.1, (0, 3): 0.3, (1, 2): 0.31, (1, 3): 0.05, (2, 3): 0.2}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("all", list(combinations(range(4), 2))),
        ("neighbours", [(0, 1), (1, 2), (2, 3)]),
        ("most_different", [(1, 2)]),
    ],
)
def test_the_pairs_of_a_group(shown: str, expected: list[tuple[int, int]]) -> None:
    pairs = chunks.pairs_of(ROWS, shown, DISTANCES)
    assert [(first.number, second.number) for first, second in pairs] == expected


def test_where_no_two_were_told_apart_the_first_two_are_shown() -> None:
    ((first, second),) = chunks.pairs_of(ROWS, "most_different", {})
    assert (first.number, second.number) == (0, 1)
