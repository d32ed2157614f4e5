"""The paper's scheme written out, as its code trains (yk7333/d3po, scripts/train.py): what ours is compared with.

One pair at a time and one step at a time; per step two calls of the policy and two of a second copy of the UNet that
serves as reference, each on a guidance batch of two rows. The loss and the arithmetic of a step are theirs, in fp32.
"""

import copy
from typing import Any

import torch
from torch import Tensor

from worker.d3po import Policy, SamplingSettings, TrainingSettings, Trajectory
from worker.d3po.trajectory import states_of


class PaperScheme:
    """A policy, a whole second UNet as its reference, and the settings they share with ours."""

    def __init__(
        self, policy: Policy, settings: TrainingSettings, sampling: SamplingSettings, *, on_policy: bool
    ) -> None:
        self.policy = policy
        self.settings = settings
        self.sampling = sampling
        self.unet = copy.deepcopy(policy.unet)
        self.reference = copy.deepcopy(policy.unet).requires_grad_(False)
        if not on_policy:
            self.reference.unload_lora()
        self.scheduler: Any = copy.deepcopy(policy.base.scheduler)
        self.scheduler.set_timesteps(sampling.steps)
        self.parameters = [parameter for parameter in self.unet.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=settings.learning_rate,
            betas=(settings.adam_beta1, settings.adam_beta2),
            eps=settings.adam_epsilon,
            weight_decay=settings.weight_decay,
        )

    def train_pair(self, winner: Trajectory, loser: Trajectory) -> float:
        """One optimizer step on one pair; the mean loss over its steps."""
        embeddings = torch.stack([self.policy.encode(text).embedding for text in ("", winner.prompt)])
        sides = [states_of(side).to(self.policy.device).float() for side in (winner, loser)]
        total = 0.0
        for step, timestep in enumerate(self.scheduler.timesteps):
            ratios = []
            for states in sides:
                x, x_prev = states[step : step + 1], states[step + 1 : step + 2]
                log_prob = self._log_prob(self.unet, x, x_prev, timestep, embeddings)
                with torch.no_grad():
                    reference = self._log_prob(self.reference, x, x_prev, timestep, embeddings)
                ratios.append(self._clamped(log_prob - reference))
            beta = self.settings.beta
            loss = -torch.log(torch.sigmoid(beta * torch.log(ratios[0]) - beta * torch.log(ratios[1]))).mean()
            (loss / self.sampling.steps).backward()
            total += float(loss.detach()) / self.sampling.steps
        if self.settings.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total

    def _clamped(self, r: Tensor) -> Tensor:
        clip = self.settings.clip
        return torch.exp(r) if clip is None else torch.clamp(torch.exp(r), 1 - clip, 1 + clip)

    def _log_prob(
        self, unet: torch.nn.Module, x: Tensor, x_prev: Tensor, timestep: Tensor, embeddings: Tensor
    ) -> Tensor:
        """ddim_step_with_logprob: the mean log-density of x_prev under the step from x."""
        dtype = self.policy.base.unet.dtype
        rows = torch.cat([x, x]).to(dtype)
        out = unet(rows, timestep.to(x.device), embeddings.to(dtype), return_dict=False)[0].float()
        uncond, cond = out.chunk(2)
        noise = uncond + self.sampling.guidance * (cond - uncond)
        previous = timestep - self.scheduler.config.num_train_timesteps // self.sampling.steps
        table = self.scheduler.alphas_cumprod
        abar = table[timestep]
        abar_prev = table[previous] if previous >= 0 else self.scheduler.final_alpha_cumprod
        sigma = self.sampling.eta * ((1 - abar_prev) / (1 - abar) * (1 - abar / abar_prev)) ** 0.5
        x0 = (x - (1 - abar) ** 0.5 * noise) / abar**0.5
        mean = abar_prev**0.5 * x0 + (1 - abar_prev - sigma**2) ** 0.5 * noise
        density = (
            -((x_prev - mean) ** 2) / (2 * sigma**2) - torch.log(sigma) - 0.5 * torch.log(torch.tensor(2 * torch.pi))
        )
        return density.mean(dim=(1, 2, 3))
