"""Figures worked by hand."""

import math

import pytest
import torch

from worker.d3po.loss import past_clamp, preference_loss
from worker.d3po.metrics import JudgedSteps, accuracy, clamped_shares, held_out, pair_margins, remarks
from worker.d3po.records import MetricsSummary


def rows(r_first: list[float], r_second: list[float], p: list[float], pair: list[str]) -> JudgedSteps:
    as_tensor = [torch.tensor(values, dtype=torch.float64) for values in (p, r_first, r_second)]
    return JudgedSteps(pair, torch.arange(len(pair)), *as_tensor)


def test_a_pairs_margin_is_the_mean_over_its_steps_of_winner_less_loser() -> None:
    judged = rows([0.3, 0.1, 0.2, 9.0], [0.1, 0.2, 0.6, 0.0], [1.0, 1.0, 0.2, 0.5], ["a", "a", "b", "tie"])
    assert pair_margins(judged) == pytest.approx([0.05, 0.4])


def test_a_margin_of_exactly_zero_counts_one_half() -> None:
    assert accuracy([0.1, 0.0, -0.1, 0.2]) == 0.625
    assert accuracy([]) is None


def test_sides_and_pairs_past_the_clamp_are_counted_apart() -> None:
    judged = rows([0.2, 0.2, 0.0, 0.09], [-0.2, 0.0, 0.0, -0.1], [1.0] * 4, ["a", "b", "c", "d"])
    assert clamped_shares(judged, 0.1) == (3 / 8, 1 / 4)
    assert clamped_shares(judged, None) == (0, 0)


def test_the_clamp_lies_at_the_logs_of_its_bounds() -> None:
    r = torch.tensor([math.log(0.9) - 1e-6, math.log(0.9) + 1e-6, math.log(1.1) - 1e-6, math.log(1.1) + 1e-6])
    assert past_clamp(r.double(), 0.1).tolist() == [True, False, False, True]


def test_the_loss_is_log_2_at_no_difference_and_has_no_gradient_with_both_sides_past_the_clamp() -> None:
    first = torch.tensor([0.0, 50.0], dtype=torch.float64, requires_grad=True)
    loss = preference_loss(first, torch.tensor([0.0, -50.0]), torch.tensor([0.3, 1.0]), beta=0.1, clip=0.1)
    assert loss[0].item() == pytest.approx(math.log(2))
    assert loss[1].item() == pytest.approx(math.log(1 + math.exp(-0.1 * (math.log(1.1) - math.log(0.9)))))
    loss.sum().backward()
    assert first.grad is not None
    assert first.grad[1] == 0
    assert first.grad[0] != 0


def test_with_clip_the_loss_stays_within_the_designs_bounds() -> None:
    far = torch.tensor([1e9, -1e9])
    loss = preference_loss(far, -far, torch.tensor([1.0, 1.0]), beta=0.1, clip=0.1)
    assert loss.tolist() == pytest.approx([0.683, 0.703], abs=5e-4)


def test_held_out_accuracy_has_wilsons_interval() -> None:
    measured = held_out([1.0] * 24 + [-1.0] * 6)
    assert measured is not None
    assert (measured.pairs, measured.accuracy) == (30, 0.8)
    assert (measured.low, measured.high) == pytest.approx((0.6269, 0.9049), abs=1e-4)
    assert held_out([]) is None


def test_a_run_that_has_all_but_stopped_says_so_and_names_remedies() -> None:
    assert remarks(MetricsSummary(clamped_pairs=0.5)) == ()
    said = remarks(MetricsSummary(clamped_pairs=0.62))
    assert said[0].startswith("62% of pairs had both sides past the clamp")
    assert "Lower the learning rate" in said[0]
