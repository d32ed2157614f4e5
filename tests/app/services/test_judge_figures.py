"""How far a judge's scores say what people say: held against figures that are worked out here by hand or by loops."""

import math
import random

import numpy as np
import pytest

from app.services import judge_figures
from app.services.judge_figures import Bin, Correlation

GAIN = np.array([2.0, -1.0, 0.5, 0.0, -3.0, 4.0])
P = np.array([1.0, 0.0, 0.5, 1.0, 0.75, 0.0])


def plain_correlation(x: list[float], y: list[float]) -> float:
    n, mean_x, mean_y = len(x), sum(x) / len(x), sum(y) / len(y)
    both = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / n
    return both / math.sqrt(sum((a - mean_x) ** 2 for a in x) / n * sum((b - mean_y) ** 2 for b in y) / n)


def plain_ranks(values: list[float]) -> list[float]:
    return [sum(v < value for v in values) + (sum(v == value for v in values) + 1) / 2 for value in values]


def test_the_table_counts_each_pair_once_by_both_verdicts() -> None:
    table = judge_figures.table(GAIN, P)
    assert {key: number for key, number in table.items() if number} == {
        ("first", "first"): 1,
        ("second", "second"): 1,
        ("first", "tie"): 1,
        ("tie", "first"): 1,
        ("second", "first"): 1,
        ("first", "second"): 1,
    }


def test_correlations_are_those_of_the_pairs_taken_from_either_side() -> None:
    chance = random.Random(3)
    gain = [round(chance.gauss(0, 1), 1) for _ in range(60)]
    p = [chance.choice([0, 0.5, 1]) if chance.random() < 0.5 else float(value > 0) for value in gain]
    both, said = gain + [-value for value in gain], p + [1 - value for value in p]
    assert judge_figures.pearson(np.array(gain), np.array(p)) == pytest.approx(plain_correlation(both, said))
    ranked = plain_correlation(plain_ranks(both), plain_ranks(said))
    assert judge_figures.spearman(np.array(gain), np.array(p)) == pytest.approx(ranked)


def test_which_picture_is_the_first_changes_no_figure() -> None:
    turn = np.array([1, -1, -1, 1, 1, -1])
    gain, p = GAIN * turn, np.where(turn > 0, P, 1 - P)
    for measure in (judge_figures.pearson, judge_figures.spearman):
        assert measure(gain, p) == pytest.approx(measure(GAIN, P))
    assert judge_figures.bins(gain, p) == judge_figures.bins(GAIN, P)
    assert [one.weight for one in judge_figures.disputes(gain, p, most=9)] == [
        one.weight for one in judge_figures.disputes(GAIN, P, most=9)
    ]


def test_there_is_no_correlation_with_what_never_differs() -> None:
    assert judge_figures.pearson(np.zeros(3), np.array([0.0, 1.0, 1.0])) is None
    assert judge_figures.spearman(np.array([1.0, 2.0]), np.array([0.5, 0.5])) is None


def test_bins_hold_how_often_the_better_scored_picture_is_preferred() -> None:
    found = judge_figures.bins(GAIN, P)
    assert found == {
        -2: Bin(0.5, 1, 0.5),  # 0.5 is 2 to the power of -2/2
        0: Bin(1.0, 1, 1.0),
        2: Bin(1.0, 1, 2.0),
        3: Bin(0.25, 1, 3.0),
        4: Bin(0.0, 1, 4.0),
    }
    assert judge_figures.added([judge_figures.written(found), judge_figures.written({0: Bin(0.5, 2, 2.0)})]) == {
        **found,
        0: Bin(1.5, 3, 3.0),
    }


def test_neighbouring_bins_are_put_together_and_none_is_lost() -> None:
    found = {number: Bin(size / 2, size, size * 1.0) for number, size in enumerate([1, 1, 2, 8, 30, 30, 20, 3, 1])}
    groups = judge_figures.merged(found, most=4)
    assert [one.pairs for one in groups] == [42, 30, 24]
    assert sum(one.preferred for one in groups) == 48
    assert judge_figures.merged({}, most=4) == []


def test_disputes_are_pairs_on_which_the_judge_prefers_what_people_do_not() -> None:
    disputes = judge_figures.disputes(GAIN, P, most=9)
    assert [(one.place, one.weight) for one in disputes] == [(5, 4.0), (4, 1.5)]
    assert [one.place for one in judge_figures.disputes(GAIN, P, most=1)] == [5]


def test_intervals_are_fishers() -> None:
    one = Correlation.of(math.atanh(0.5), 97, of_ranks=False)  # of 100 pairs
    assert (one.value, one.low, one.high) == pytest.approx((0.5, 0.3366, 0.6341), abs=2e-4)
    ranks = Correlation.of(math.atanh(0.5), 97, of_ranks=True)
    assert (ranks.low, ranks.high) == pytest.approx((0.3266, 0.6411), abs=2e-3)
    assert one.excludes_zero
    assert not Correlation.of(0.1, 20, of_ranks=False).excludes_zero
