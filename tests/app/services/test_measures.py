"""Against figures published or worked by hand, not against the code itself."""

import math

import pytest

from app.services.measures import Mark, Pace, Share, difference_interval


@pytest.mark.parametrize(
    ("part", "of", "low", "high"),
    [  # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_the_published_ones(part, of, low, high):
    assert Share(part, of).interval == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_may_be_anything():
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, (0.0, 1.0))
    assert not Share(0, 0).excludes(0.5)


def test_a_side_bias_is_seen_only_beyond_chance():
    assert not Share(6, 10).excludes(0.5)
    assert Share(60, 100).excludes(0.5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [  # the same author, the same volume, page 873 ff., table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_intervals_of_differences_are_the_published_ones(first, second, low, high):
    assert difference_interval(Share(*first), Share(*second)) == pytest.approx((low, high), abs=6e-5)


def test_nothing_is_known_of_a_difference_to_what_was_not_counted():
    assert difference_interval(Share(3, 4), Share(0, 0)) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("ms", "mark"),
    [
        (299, Mark.HASTY),
        # ln 1000 = 6.908 and a deviation of ln 1.2 = 0.182: 3.5 * 0.182 / 0.6745 = 0.946 away, from 388 to 2575 ms
        (300, Mark.FAST),
        (387, Mark.FAST),
        (389, Mark.NONE),
        (1000, Mark.NONE),
        (2574, Mark.NONE),
        (2577, Mark.SLOW),
    ],
)
def test_outliers_are_those_beyond_three_and_a_half_robust_deviations(ms, mark):
    assert Pace(math.log(1000), math.log(1.2)).mark(ms) is mark


def test_where_all_times_are_alike_none_is_an_outlier():
    assert Pace(math.log(1000), 0.0).mark(60_000) is Mark.NONE
