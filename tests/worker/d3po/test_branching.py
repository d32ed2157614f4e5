"""Where the samples of a group part."""

from dataclasses import replace

import pytest
import torch

from tests.worker.d3po.tiny import draw, groups, prefer_first, tiny_policy
from worker.d3po import RoundNoise, SamplingSettings, TrainingSettings, train
from worker.d3po.branching import branch
from worker.d3po.errors import SettingsError
from worker.d3po.trajectory import states_of

SETTINGS = SamplingSettings(steps=6, branch_steps=2)


def test_without_a_window_samples_part_at_every_step():
    assert branch(RoundNoise(1, 2, 3), replace(SETTINGS, branch_steps=None)) == range(6)


def test_windows_lie_in_the_first_half_and_anywhere_there_by_the_groups_key():
    windows = [branch(RoundNoise(1, 2, number), SETTINGS) for number in range(50)]
    assert set(windows) == {range(2), range(1, 3)}
    assert windows == [branch(RoundNoise(1, 2, number), SETTINGS) for number in range(50)]
    assert {branch(RoundNoise(1, 2, n), replace(SETTINGS, branch_steps=5)) for n in range(9)} == {range(5)}


def test_windows_begin_later_where_samples_are_to_go_together_for_longer():
    later = {branch(RoundNoise(1, 2, number), replace(SETTINGS, branch_from=3)) for number in range(50)}
    assert later == {range(3, 5), range(4, 6)}
    assert branch(RoundNoise(1, 2, 3), replace(SETTINGS, branch_steps=5, branch_from=1)) == range(1, 6)


@pytest.mark.parametrize(("length", "start", "latest"), [(2, 4, 3), (2, -1, 3), (5, 2, 1)])
def test_windows_that_would_pass_the_end_are_refused(length, start, latest):
    with pytest.raises(SettingsError, match=f"branch_from is {start}.* between 0 and {latest}"):
        branch(RoundNoise(1, 2, 3), replace(SETTINGS, branch_steps=length, branch_from=start))


@pytest.mark.parametrize("steps", [0, 6, 7])
def test_a_window_as_long_as_the_schedule_is_refused(steps):
    with pytest.raises(SettingsError, match="branch_steps"):
        branch(RoundNoise(1, 2, 3), replace(SETTINGS, branch_steps=steps))


def test_samples_share_their_noise_outside_the_window():
    """The same as without a window for sample 0; sample 1 goes with it up to the window, and never after."""
    policy = tiny_policy()
    parted, whole = draw(policy, groups(6), SETTINGS), draw(policy, groups(6), replace(SETTINGS, branch_steps=None))
    for group in groups(6):
        window = branch(group.noise, SETTINGS)
        first, second = (states_of(parted[f"{group.number}/{sample}"]) for sample in (0, 1))
        assert torch.equal(first, states_of(whole[f"{group.number}/0"]))
        together = [bool(torch.equal(first[step], second[step])) for step in range(7)]
        assert together == [step <= window.start for step in range(7)]


def test_only_the_windows_steps_are_trained():
    policy = tiny_policy()
    settings = TrainingSettings(max_step_gain=None, measure_every=0, resume_every=0)
    trajectories, seen = draw(policy, groups(6), SETTINGS), []
    train(policy, prefer_first(6), trajectories.__getitem__, settings, on_step=seen.append)
    trained = [tuple(step.step for step in metrics.by_step) for metrics in seen]
    assert trained == [tuple(branch(group.noise, SETTINGS)) for group in groups(6)]


def test_a_window_of_steps_that_pull_too_hard_is_said():
    policy = tiny_policy()
    trajectories = draw(policy, groups(1), SETTINGS)
    window = branch(groups(1)[0].noise, SETTINGS)
    gains = policy.schedule(6, 1.0).gain
    outside = [gain for step, gain in enumerate(gains) if step not in window]
    assert min(outside) < min(gains[list(window)]), "some other step pulls less, so that the schedule has usable ones"
    settings = TrainingSettings(max_step_gain=float(min(outside)), measure_every=0, resume_every=0)
    with pytest.raises(SettingsError, match="branch_steps"):
        train(policy, prefer_first(1), trajectories.__getitem__, settings)


@pytest.mark.parametrize("length", [None, 2])
def test_antithetic_samples_leave_their_middle_in_opposite_directions(length):
    """To the first step of the window they go together; there each is as far from the step's mean as the other."""
    settings = replace(SETTINGS, branch_steps=length, antithetic=True, storage="fp32")
    policy = tiny_policy()
    drawn = draw(policy, groups(4, samples=4), settings)
    apart = draw(policy, groups(4, samples=4), replace(settings, antithetic=False))
    for group in groups(4, samples=4):
        start = branch(group.noise, settings).start
        own = [states_of(drawn[f"{group.number}/{sample}"])[start + 1] for sample in range(4)]
        plain = [states_of(apart[f"{group.number}/{sample}"])[start + 1] for sample in range(4)]
        assert torch.equal(own[0], plain[0])
        assert torch.equal(own[2], plain[2])
        assert not torch.equal(own[1], plain[1])
        middle = (own[0] + own[1]) / 2
        torch.testing.assert_close((own[2] + own[3]) / 2, middle, atol=1e-5, rtol=0)
        assert (own[0] - own[1]).abs().mean() > 1.2 * (plain[0] - plain[1]).abs().mean()
