"""Coefficients of the denoising steps, against diffusers' own arithmetic and the design's figures."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from worker.d3po.errors import ModelError, SettingsError
from worker.d3po.schedule import make_schedule

SD15 = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "clip_sample": False,
}


def scheduler(**changes: object) -> DDIMScheduler:
    return DDIMScheduler(**(SD15 | changes))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("eta", [1.0, 0.5, 0.0])
def test_mean_and_sigma_are_those_of_diffusers(prediction: str, eta: float) -> None:
    ddim = scheduler(prediction_type=prediction)
    schedule = make_schedule(ddim, 20, eta)
    generator = torch.Generator().manual_seed(0)
    x, out, noise = (torch.randn(1, 4, 8, 8, generator=generator, dtype=torch.float64) for _ in range(3))
    for step, timestep in enumerate(schedule.timesteps):
        theirs = ddim.step(out, timestep, x, eta=eta, variance_noise=noise).prev_sample
        ours = schedule.x_coefficient[step] * x + schedule.out_coefficient[step] * out + schedule.sigma[step] * noise
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("ddim", "largest"),
    [(scheduler(), 5.4), (scheduler(beta_start=1e-4, beta_end=0.02, beta_schedule="squaredcos_cap_v2"), 9.9)],
    ids=["SD 1.5", "demo model"],
)
def test_one_step_pulls_far_harder_than_the_others_and_the_bound_leaves_out_that_one(
    ddim: DDIMScheduler, largest: float
) -> None:
    schedule = make_schedule(ddim, 20, 1.0)
    assert schedule.timesteps[-2:] == (51, 1)
    assert schedule.gain[-2] == pytest.approx(largest, abs=0.05)
    assert schedule.gain[-1] == pytest.approx(1.0, abs=0.1)
    others = [gain for step, gain in enumerate(schedule.gain) if step != 18]
    assert 0.55 < min(others) < max(others) < 1.85
    assert schedule.trainable(3.0) == tuple(step for step in range(20) if step != 18)
    assert schedule.trainable(None) == tuple(range(20))


def test_a_step_without_noise_is_never_trained() -> None:
    schedule = make_schedule(scheduler(set_alpha_to_one=True), 20, 1.0)
    assert schedule.sigma[-1] == 0
    assert 19 not in schedule.trainable(None)
    with pytest.raises(SettingsError, match="No step can be trained"):
        make_schedule(scheduler(), 20, 0.0).trainable(None)


@pytest.mark.parametrize("eta", [-0.1, 1.1])
def test_eta_outside_its_range_is_refused(eta: float) -> None:
    with pytest.raises(SettingsError, match="eta"):
        make_schedule(scheduler(), 20, eta)


@pytest.mark.parametrize("steps", [0, 1001])
def test_a_number_of_steps_that_the_table_does_not_have_is_refused(steps: int) -> None:
    with pytest.raises(SettingsError, match="steps"):
        make_schedule(scheduler(), steps, 1.0)


def test_epsilon_prediction_from_pure_noise_is_refused_and_v_prediction_is_not() -> None:
    zero_snr = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    with pytest.raises(ModelError, match="epsilon"):
        make_schedule(scheduler(**zero_snr), 20, 1.0)
    schedule = make_schedule(scheduler(**zero_snr, prediction_type="v_prediction"), 20, 1.0)
    assert np.isfinite([schedule.x_coefficient, schedule.out_coefficient, schedule.sigma]).all()


def test_clipping_in_the_models_config_changes_nothing() -> None:
    plain, clipping = (make_schedule(scheduler(clip_sample=clip, thresholding=clip), 20, 1.0) for clip in (False, True))
    assert (plain.x_coefficient == clipping.x_coefficient).all()
    assert (plain.sigma == clipping.sigma).all()
