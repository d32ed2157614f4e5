"""Strengths against values worked out by hand, and against Hunter's MM algorithm, which shares nothing with ours."""

import math
from itertools import pairwise

import pytest

from app.services.bradley_terry import Match, Open, chance, fit


def strengths(matches: list[Match]) -> dict[int, float]:
    return {one.player: one.value for one in fit(matches, base=0).strengths}


def hunter(matches: list[Match], players: int, *, steps: int = 20_000) -> list[float]:
    """Log-strengths less that of player 0, by equation 3 of Hunter (2004)."""
    won = [0.0] * players
    met: dict[tuple[int, int], float] = {}
    for m in matches:
        won[m.one] += m.wins + m.ties / 2
        won[m.other] += m.other_wins + m.ties / 2
        met[m.one, m.other] = met[m.other, m.one] = m.wins + m.other_wins + m.ties
    gamma = [1.0] * players
    for _ in range(steps):
        gamma = [won[i] / sum(n / (gamma[i] + gamma[j]) for (a, j), n in met.items() if a == i) for i in range(players)]
        gamma = [g / gamma[0] for g in gamma]
    return [math.log(g) for g in gamma]


def test_of_two_the_strength_is_the_log_odds_with_its_standard_error() -> None:
    base, found = fit([Match(1, 0, 30, 10, 0)], base=0).strengths
    assert (base.value, base.low, base.high) == (0, 0, 0)
    error = math.sqrt(1 / 30 + 1 / 10)  # of a log odds ratio
    assert found.value == pytest.approx(math.log(3))
    assert (found.low, found.high) == pytest.approx((math.log(3) - 1.959964 * error, math.log(3) + 1.959964 * error))
    assert chance(found.value) == pytest.approx(0.75)
    assert (found.open, found.choices) == (Open.NEITHER, 40)


def test_a_tie_is_half_a_win_to_each() -> None:
    assert strengths([Match(1, 0, 5, 1, 4)]) == pytest.approx(strengths([Match(1, 0, 7, 3, 0)]))
    assert strengths([Match(1, 0, 0, 0, 12)])[1] == pytest.approx(0)


def test_a_chain_adds_up_its_log_odds_and_the_squares_of_their_errors() -> None:
    found = fit([Match(1, 0, 30, 10, 0), Match(2, 1, 20, 40, 0)], base=0).strengths[2]
    error = math.sqrt(1 / 30 + 1 / 10 + 1 / 20 + 1 / 40)
    assert found.value == pytest.approx(math.log(3) + math.log(1 / 2))
    assert found.high - found.value == pytest.approx(1.959964 * error)


def test_three_that_all_met_agree_with_hunters_algorithm() -> None:
    matches = [Match(1, 0, 14, 6, 3), Match(2, 0, 9, 12, 0), Match(2, 1, 4, 16, 5)]
    assert list(strengths(matches).values()) == pytest.approx(hunter(matches, 3), abs=1e-6)


def test_the_interval_is_that_of_the_curvature_of_the_likelihood() -> None:
    """The information of three players, taken by differences of the log-likelihood."""
    matches = [Match(1, 0, 14, 6, 3), Match(2, 0, 9, 12, 0), Match(2, 1, 4, 16, 5)]
    found = fit(matches, base=0).strengths
    at, h = [one.value for one in found], 1e-4

    def likelihood(one: float, two: float) -> float:
        s = (0.0, at[1] + one, at[2] + two)
        return sum(
            (m.wins + m.ties / 2) * math.log(chance(s[m.one] - s[m.other]))
            + (m.other_wins + m.ties / 2) * math.log(chance(s[m.other] - s[m.one]))
            for m in matches
        )

    aa = -(likelihood(h, 0) - 2 * likelihood(0, 0) + likelihood(-h, 0)) / h**2
    bb = -(likelihood(0, h) - 2 * likelihood(0, 0) + likelihood(0, -h)) / h**2
    ab = -(likelihood(h, h) - likelihood(h, -h) - likelihood(-h, h) + likelihood(-h, -h)) / (4 * h**2)
    variances = (bb / (aa * bb - ab**2), aa / (aa * bb - ab**2))
    halves = [one.high - one.value for one in found[1:]]
    assert halves == pytest.approx([1.959964 * math.sqrt(v) for v in variances], rel=1e-4)


def test_a_hundred_that_met_only_the_one_before_are_found_exactly() -> None:
    matches = [Match(after, before, 11, 9, 0) for before, after in pairwise(range(101))]
    assert strengths(matches)[100] == pytest.approx(100 * math.log(11 / 9))


@pytest.mark.parametrize(
    ("match", "open_", "value"),
    [(Match(1, 0, 20, 0, 0), Open.HIGH, math.log(41)), (Match(1, 0, 0, 20, 0), Open.LOW, -math.log(41))],
)
def test_who_won_or_lost_everything_has_an_open_end_and_a_value_by_half_a_win_each_way(match, open_, value) -> None:
    found = fit([match], base=0).strengths[1]
    assert found.open is open_
    assert found.value == pytest.approx(value)
    assert (found.high if open_ is Open.HIGH else -found.low) == math.inf
    bounded = found.low if open_ is Open.HIGH else found.high
    assert abs(bounded - value) == pytest.approx(1.959964 * math.sqrt(1 / 20.5 + 1 / 0.5))
    assert found.choices == 20


def test_who_won_everything_leaves_the_others_as_they_are() -> None:
    alone = strengths([Match(1, 0, 12, 8, 0)])
    assert strengths([Match(1, 0, 12, 8, 0), Match(2, 1, 10, 0, 0)])[1] == pytest.approx(alone[1])


def test_a_side_that_never_lost_is_open_as_a_whole() -> None:
    found = fit([Match(1, 0, 5, 0, 0), Match(2, 1, 4, 3, 0)], base=0).strengths
    assert [one.open for one in found] == [Open.NEITHER, Open.HIGH, Open.HIGH]
    assert found[2].value - found[1].value == pytest.approx(math.log(4 / 3))


def test_two_that_only_a_common_loser_connects_cannot_be_told_apart() -> None:
    found = fit([Match(1, 0, 0, 5, 0), Match(2, 1, 5, 0, 0)], base=0).strengths
    assert [one.open for one in found] == [Open.NEITHER, Open.LOW, Open.BOTH]
    assert (found[2].low, found[2].high) == (-math.inf, math.inf)


def test_who_nothing_connects_to_the_base_is_named() -> None:
    found = fit([Match(1, 0, 3, 2, 0), Match(5, 4, 3, 2, 0)], base=0)
    assert [one.player for one in found.strengths] == [0, 1]
    assert list(found.apart) == [4, 5]
    assert list(fit([Match(5, 4, 3, 2, 0)], base=0).apart) == [4, 5]


def test_without_matches_there_is_the_base_alone() -> None:
    assert [one.player for one in fit([], base=0).strengths] == [0]
