"""States of several groups and steps in one forward pass."""

import pytest
import torch

from tests.worker.d3po.tiny import SAMPLING, draw, groups, prefer_first, shaken, tiny_policy
from worker.d3po import Policy, Preference, TrainingSettings
from worker.d3po.batching import Unit, log_probs_of, pair_rows, split_evenly, stored_log_probs
from worker.d3po.training_set import LoadedGroup, Loader, make_groups


@pytest.fixture(scope="module")
def drawn() -> tuple[Policy, list[LoadedGroup]]:
    """Two groups of two samples, drawn four at a time."""
    policy = shaken(tiny_policy())
    trajectories = draw(policy, groups(2), batch=4)
    trained, _ = make_groups(prefer_first(2), TrainingSettings())
    return policy, [Loader(policy, trajectories.__getitem__)(group) for group in trained]


@pytest.mark.parametrize("places", [[(0, 0), (0, 1)], [(1, 3), (0, 2)], [(1, 1), (1, 3)]])
def test_four_states_score_as_the_four_that_were_drawn_together_to_the_bit(
    drawn: tuple[Policy, list[LoadedGroup]], places: list[tuple[int, int]]
) -> None:
    policy, loaded = drawn
    units = [Unit(loaded[group], step) for group, step in places]
    with torch.no_grad():
        assert torch.equal(log_probs_of(policy, units), stored_log_probs(units))


def test_batches_are_nearly_equal_and_keep_the_order(drawn: tuple[Policy, list[LoadedGroup]]) -> None:
    units = [Unit(group, step) for group in drawn[1] for step in range(SAMPLING.steps)]
    sizes = {states: [len(batch) for batch in split_evenly(units, states)] for states in (1, 6, 10, 100)}
    assert sizes == {1: [1] * 8, 6: [3, 2, 3], 10: [4, 4], 100: [8]}
    assert [unit for batch in split_evenly(units, 6) for unit in batch] == units


def test_pairs_find_their_samples_rows_and_share_the_units_part(drawn: tuple[Policy, list[LoadedGroup]]) -> None:
    policy, loaded = drawn
    trajectories = draw(policy, groups(1, samples=3))
    pairs = [Preference("ab", 0, "0/0", "0/1", 1.0), Preference("ca", 0, "0/2", "0/0", 0.25, weight=0.5)]
    trained, _ = make_groups(pairs, TrainingSettings())
    three = Loader(policy, trajectories.__getitem__)(trained[0])
    rows = pair_rows([Unit(loaded[0], 1), Unit(three, 2)], [0.5, 0.25])
    assert rows.pair == ["pair 0", "ab", "ca"]
    assert rows.step.tolist() == [1, 2, 2]
    assert (rows.first.tolist(), rows.second.tolist()) == ([0, 2, 4], [1, 3, 2])
    assert rows.p.tolist() == [1.0, 1.0, 0.25]
    assert rows.share.tolist() == [0.5, 0.125, 0.0625]
