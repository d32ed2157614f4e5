"""The DDIM schedule and the coefficients of its steps (Song et al., arXiv 2010.02502, eq. 12 and 16).

With eta > 0 a step is Gaussian, and its mean is linear in x_t and the model's output whatever the model predicts:

    mu      = sqrt(abar_prev) x0_hat + sqrt(1 - abar_prev - sigma^2) eps_hat  =  c_x x_t + c_out out
    sigma   = eta sqrt((1 - abar_prev) / (1 - abar)) sqrt(1 - abar / abar_prev)
    g       = sqrt(SNR_prev / SNR - 1),  SNR = abar / (1 - abar)              (how hard a step pulls on eps_hat)

Departures from diffusers' DDIMScheduler: everything is float64 from the scheduler's own table; abar_prev is that of the
next timestep of the same schedule; clipping, thresholding and guidance rescale are off whatever the config says.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from worker.d3po.errors import ModelError, SettingsError

SMALLEST_SIGMA = 1e-4  # below it a step has no usable density: sampled without noise, never trained
SMALLEST_ABAR = 1e-4  # below it epsilon prediction says nothing of x_0


class Scheduler(Protocol):
    """What is used of a diffusers DDIMScheduler."""

    alphas_cumprod: torch.Tensor
    final_alpha_cumprod: torch.Tensor
    timesteps: torch.Tensor
    config: object

    def set_timesteps(self, num_inference_steps: int) -> None: ...


@dataclass(frozen=True)
class Schedule:
    """T steps, first the noisiest. All arrays are float64 of shape (T,)."""

    timesteps: tuple[int, ...]
    x_coefficient: np.ndarray
    out_coefficient: np.ndarray
    sigma: np.ndarray  # exactly 0 where the step is sampled without noise
    gain: np.ndarray

    def trainable(self, max_gain: float | None) -> tuple[int, ...]:
        """Numbers of the steps that have a density and whose g_t is at most `max_gain`.

        Raises SettingsError where that leaves none.
        """
        steps = tuple(
            step
            for step, sigma in enumerate(self.sigma)
            if sigma > 0 and (max_gain is None or self.gain[step] <= max_gain)
        )
        if not steps:
            raise SettingsError(
                f"No step can be trained: none has noise and g_t of at most {max_gain}. "
                "Raise max_step_gain, or draw samples with a larger eta."
            )
        return steps


def make_schedule(scheduler: Scheduler, steps: int, eta: float) -> Schedule:
    """The schedule of `steps` DDIM steps at `eta`, from the scheduler's own table.

    Raises SettingsError for steps or eta out of range, ModelError for epsilon prediction from pure noise.
    """
    _check_range(scheduler, steps, eta)
    scheduler.set_timesteps(steps)
    timesteps = tuple(int(t) for t in scheduler.timesteps)
    table = scheduler.alphas_cumprod.double().numpy()
    abar = table[list(timesteps)]
    abar_prev = np.append(abar[1:], float(scheduler.final_alpha_cumprod))
    prediction = str(getattr(scheduler.config, "prediction_type", "epsilon"))
    if prediction == "epsilon" and abar[0] < SMALLEST_ABAR:
        raise ModelError(
            f"The schedule starts at timestep {timesteps[0]} with abar = {abar[0]:.2g}, from which epsilon prediction "
            "cannot tell x_0. A zero terminal SNR needs a model with v or sample prediction."
        )
    sigma = eta * _root((1 - abar_prev) / (1 - abar)) * _root(1 - abar / abar_prev)
    x_coefficient, out_coefficient = _mean_coefficients(prediction, abar, abar_prev, sigma)
    with np.errstate(divide="ignore"):
        gain = _root(abar_prev * (1 - abar) / (abar * (1 - abar_prev)) - 1)
    return Schedule(timesteps, x_coefficient, out_coefficient, np.where(sigma < SMALLEST_SIGMA, 0.0, sigma), gain)


def _mean_coefficients(
    prediction: str, abar: np.ndarray, abar_prev: np.ndarray, sigma: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """c_x and c_out: x0_hat and eps_hat written as (of x_t, of out), then put together."""
    signal, noise, nothing = _root(abar), _root(1 - abar), np.zeros_like(abar)
    if prediction == "epsilon":
        x0, eps = (1 / signal, -noise / signal), (nothing, nothing + 1)
    elif prediction == "v_prediction":
        x0, eps = (signal, -noise), (noise, signal)
    elif prediction == "sample":
        x0, eps = (nothing, nothing + 1), (1 / noise, -signal / noise)
    else:
        raise ModelError(f"The model predicts {prediction!r}; known are epsilon, v_prediction and sample.")
    to_x0, to_eps = _root(abar_prev), _root(1 - abar_prev - sigma**2)
    return to_x0 * x0[0] + to_eps * eps[0], to_x0 * x0[1] + to_eps * eps[1]


def _root(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(values, 0.0))


def _check_range(scheduler: Scheduler, steps: int, eta: float) -> None:
    if not 1 <= steps <= len(scheduler.alphas_cumprod):
        raise SettingsError(f"steps is {steps}; it must lie between 1 and {len(scheduler.alphas_cumprod)}.")
    if not 0 <= eta <= 1:
        raise SettingsError(f"eta is {eta}; it must lie between 0 and 1.")
