"""Trajectories as files."""

import pytest
import torch

from tests.worker.d3po.tiny import SAMPLING, draw, groups, tiny_policy
from worker.d3po import EvalNoise, Trajectory, trajectory
from worker.d3po.errors import CorruptFileError
from worker.d3po.noise import normal


@pytest.fixture(scope="module")
def drawn() -> Trajectory:
    return draw(tiny_policy(), groups(1))["0/0"]


def test_a_trajectory_comes_back_from_its_file_as_it_was(drawn: Trajectory) -> None:
    data = trajectory.to_bytes(drawn)
    back = trajectory.from_bytes(data)
    for name in ("latents", "timesteps", "log_probs"):
        assert torch.equal(getattr(back, name), getattr(drawn, name))
    for name in ("prompt", "noise", "sample", "sampling", "policy", "precision"):
        assert getattr(back, name) == getattr(drawn, name)
    assert trajectory.to_bytes(back) == data


def test_the_file_leaves_x_T_out_and_its_key_draws_it_again(drawn: Trajectory) -> None:
    states = trajectory.states_of(drawn)
    assert drawn.latents.shape == (SAMPLING.steps, 4, 8, 8)
    assert states.shape == (SAMPLING.steps + 1, 4, 8, 8)
    assert torch.equal(states[0], normal(drawn.noise.initial(), (4, 8, 8)).half())


def test_noise_of_the_evaluation_set_comes_back_too(drawn: Trajectory) -> None:
    changed = Trajectory(**(drawn.__dict__ | {"noise": EvalNoise(1, 2, 3)}))
    assert trajectory.from_bytes(trajectory.to_bytes(changed)).noise == EvalNoise(1, 2, 3)


@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_a_half_written_file_is_refused_and_said(drawn: Trajectory, keep: int) -> None:
    with pytest.raises(CorruptFileError, match="half-written or damaged"):
        trajectory.from_bytes(trajectory.to_bytes(drawn)[:keep])


def test_another_safetensors_file_is_refused() -> None:
    adapter = tiny_policy().with_fresh_adapter(4, 4.0, ("to_q",), 0).adapter
    assert adapter is not None
    with pytest.raises(CorruptFileError, match="lacks what is needed"):
        trajectory.from_bytes(adapter.to_bytes())
