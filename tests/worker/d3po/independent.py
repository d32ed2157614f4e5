"""The design's formulas once more, written apart from the library: row by row, element by element, nothing folded.

The LoRA is merged into copies of the weights, sigma and mu are spelled out per kind of prediction, exp(r) is clamped as
in the paper's code, and the gradient comes from autograd through all of it.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.func import functional_call

from worker.d3po import Policy, SamplingSettings
from worker.d3po.prompts import Encoded

TAU = 2 * math.pi


@dataclass
class IndependentPolicy:
    """A bare UNet with an adapter merged into its weights, all in float64."""

    unet: torch.nn.Module
    scale: float
    adapter: dict[str, Tensor]  # leaves that require gradients
    abar: list[float]  # the scheduler's table
    final_abar: float
    prediction: str
    pixels: int  # per latent element

    @classmethod
    def of(cls, policy: Policy, bare_unet: torch.nn.Module) -> "IndependentPolicy":
        own, scheduler = policy.adapter, policy.base.scheduler
        assert own is not None
        return cls(
            unet=bare_unet.double(),
            scale=own.alpha / own.rank,
            adapter={name: t.double().requires_grad_() for name, t in own.tensors.items()},
            abar=[float(a) for a in scheduler.alphas_cumprod],
            final_abar=float(scheduler.final_alpha_cumprod),
            prediction=scheduler.config.prediction_type,
            pixels=policy.vae_factor,
        )

    def output(self, x: Tensor, timestep: int, prompt: Encoded) -> Tensor:
        """The UNet on one state: x (C, H, W). SDXL is also told the pooled prompt and the picture's size."""
        merged = {}
        for name, weight in self.unet.named_parameters():
            module = name.removesuffix(".weight")
            if f"{module}.lora_A.weight" in self.adapter:
                a, b = self.adapter[f"{module}.lora_A.weight"], self.adapter[f"{module}.lora_B.weight"]
                merged[name] = weight + self.scale * (b @ a)
        rows = (x[None].double(), torch.tensor([timestep]), prompt.embedding[None].double())
        beside = None
        if prompt.pooled is not None:
            height, width = (side * self.pixels for side in x.shape[1:])
            ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float64)
            beside = {"text_embeds": prompt.pooled[None].double(), "time_ids": ids}
        return functional_call(self.unet, merged, rows, {"added_cond_kwargs": beside, "return_dict": False})[0][0]

    def log_prob(
        self,
        x: Tensor,
        x_prev: Tensor,
        step: int,
        prompt: Encoded,
        negative: Encoded,
        sampling: SamplingSettings,
        reduce: str,
    ) -> Tensor:
        """log pi(x_prev | x) at step number `step`, with every formula of the design written out."""
        mu, sigma = self.gaussian(x, step, prompt, negative, sampling)
        density = -((x_prev.double() - mu) ** 2) / (2 * sigma**2) - math.log(sigma) - math.log(math.sqrt(TAU))
        return density.mean() if reduce == "mean" else density.sum()

    def kl_to_base(
        self, x: Tensor, step: int, prompt: Encoded, negative: Encoded, sampling: SamplingSettings
    ) -> Tensor:
        """KL(pi || pi_base) at a state, mean over elements, as torch's own Gaussians have it."""
        mu, sigma = self.gaussian(x, step, prompt, negative, sampling)
        base, _ = replace(self, scale=0.0).gaussian(x, step, prompt, negative, sampling)
        deviation = torch.tensor(sigma, dtype=torch.float64)
        return kl_divergence(Normal(mu, deviation), Normal(base.detach(), deviation)).mean()

    def gaussian(
        self, x: Tensor, step: int, prompt: Encoded, negative: Encoded, sampling: SamplingSettings
    ) -> tuple[Tensor, float]:
        """Mean and deviation of pi(. | x) at step number `step`."""
        spacing = len(self.abar) // sampling.steps
        timesteps = [spacing * k + 1 for k in reversed(range(sampling.steps))]
        a = self.abar[timesteps[step]]
        a_prev = self.abar[timesteps[step + 1]] if step + 1 < sampling.steps else self.final_abar
        sigma = sampling.eta * math.sqrt((1 - a_prev) / (1 - a)) * math.sqrt(1 - a / a_prev)
        unconditional = self.output(x, timesteps[step], negative)
        out = unconditional + sampling.guidance * (self.output(x, timesteps[step], prompt) - unconditional)
        x = x.double()
        if self.prediction == "epsilon":
            eps_hat = out
            x0_hat = (x - math.sqrt(1 - a) * eps_hat) / math.sqrt(a)
        elif self.prediction == "v_prediction":
            x0_hat = math.sqrt(a) * x - math.sqrt(1 - a) * out
            eps_hat = math.sqrt(a) * out + math.sqrt(1 - a) * x
        else:
            x0_hat = out
            eps_hat = (x - math.sqrt(a) * x0_hat) / math.sqrt(1 - a)
        mu = math.sqrt(a_prev) * x0_hat + math.sqrt(max(0.0, 1 - a_prev - sigma**2)) * eps_hat
        return mu, sigma


def independent_loss(r_first: Tensor, r_second: Tensor, p: float, beta: float, clip: float | None) -> Tensor:
    """The loss of one pair at one step, with exp(r) clamped as in the paper's code."""
    if clip is not None:
        r_first = r_first.exp().clamp(1 - clip, 1 + clip).log()
        r_second = r_second.exp().clamp(1 - clip, 1 + clip).log()
    d = r_first - r_second
    return -(p * torch.sigmoid(beta * d).log() + (1 - p) * torch.sigmoid(-beta * d).log())
