"""The policy as a distribution: pi(x_{t-1} | x_t, c) = N(mu, sigma^2 I) (D3PO, arXiv 2311.13231, section 3).

One function gives the distribution of a step and one its log-density, in sampling and in training alike. Both work in
fp32 (float64 for a float64 UNet); only the UNet itself may run in half precision.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.d3po.policy import Policy
from worker.d3po.prompts import Prompts
from worker.d3po.schedule import Schedule

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class States:
    """n states s_t = (c, t, x_t)."""

    x: Tensor  # (n, C, H, W)
    step: Tensor  # (n,) int64 numbers of steps in the schedule, on the CPU
    prompt: Prompts  # n
    negative: Prompts  # n


@dataclass(frozen=True)
class StepDistribution:
    """n Gaussians over x_{t-1}."""

    mean: Tensor  # (n, C, H, W)
    sigma: Tensor  # (n,)

    def log_prob(self, x_prev: Tensor) -> Tensor:
        """Log-density of x_prev (n, C, H, W), mean over latent elements: (n,). NaN where sigma is 0."""
        error = (x_prev - self.mean).square().mean(dim=(1, 2, 3))
        log_prob = -0.5 * error / self.sigma.square() - self.sigma.log() - HALF_LOG_TAU
        return torch.where(self.sigma > 0, log_prob, torch.nan)

    def kl_to(self, other_mean: Tensor) -> Tensor:
        """KL divergence per latent element to Gaussians of the same sigma with means `other_mean`: (n,)."""
        return (self.mean - other_mean).square().mean(dim=(1, 2, 3)) / (2 * self.sigma.square())


def step_distribution(policy: Policy, schedule: Schedule, states: States, guidance: float) -> StepDistribution:
    """pi(. | s) for each of the n states. Classifier-free guidance acts on the model's output, also in training."""
    rows = states.step.numpy()
    timestep = torch.tensor([schedule.timesteps[row] for row in rows])
    out = policy.guided_output(states.x, timestep, states.prompt, states.negative, guidance)

    def column(values: Tensor) -> Tensor:
        return values.to(out)[:, None, None, None]

    x_coefficient = torch.from_numpy(schedule.x_coefficient[rows])
    out_coefficient = torch.from_numpy(schedule.out_coefficient[rows])
    mean = column(x_coefficient) * states.x + column(out_coefficient) * out
    return StepDistribution(mean, torch.from_numpy(schedule.sigma[rows]).to(out))
