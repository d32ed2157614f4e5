"""The floor: the same adapted UNet bare, on the same batches. Nothing that trains or samples can cost less."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.case import Case
from worker.d3po import Policy, TrainingSettings
from worker.d3po.batching import Unit, split_evenly
from worker.d3po.prompts import Prompts
from worker.d3po.training_set import Group, Loader, trained_steps

Rows = tuple[Tensor, Tensor, Tensor]  # x (2n, C, H, W), timestep (2n,), prompt (2n, L, D)


def training_rows(case: Case, settings: TrainingSettings) -> list[Rows]:
    """The UNet's inputs for one pair, guidance doubled, cut into the trainer's own micro-batches."""
    pair = case.preferences[0]
    loaded = Loader(case.policy, case.load)(Group(pair.group, (pair,)))
    units = [Unit(loaded, step) for step in trained_steps(loaded, settings)]
    return [_rows(case.policy, batch) for batch in split_evenly(units, settings.micro_batch)]


def _rows(policy: Policy, units: Sequence[Unit]) -> Rows:
    group = units[0].group
    x = torch.cat([group.states[:, unit.step] for unit in units]).to(policy.device, policy.base.unet.dtype)
    timestep = torch.tensor([group.schedule.timesteps[unit.step] for unit in units for _ in range(unit.size)])
    prompt = Prompts.joined([group.negative.repeated(len(x)), group.prompt.repeated(len(x))]).embedding
    rows = torch.cat([x, x]).contiguous(memory_format=torch.channels_last)
    return rows, torch.cat([timestep, timestep]).to(policy.device), prompt.to(rows.dtype)


def training_floor(policy: Policy, batches: Sequence[Rows], *, reference: bool) -> None:
    """Forward and backward of the mean of the output; with `reference`, also one forward with the adapter off."""
    if reference:
        with policy.adapter_off(), torch.no_grad():
            for rows in batches:
                policy.unet(*rows, return_dict=False)
    for rows in batches:
        policy.unet(*rows, return_dict=False)[0].mean().backward()
    for parameter in policy.trainable().values():
        parameter.grad = None


@torch.no_grad()
def sampling_floor(policy: Policy, samples: int, steps: int) -> None:
    """The UNet on a guidance batch at every step, and the VAE's decoder once."""
    latents = torch.randn(samples, *policy.latent_shape(), device=policy.device)
    prompt = policy.encode("").embedding.to(policy.base.unet.dtype).expand(2 * samples, -1, -1)
    rows = torch.cat([latents, latents]).to(policy.base.unet.dtype).contiguous(memory_format=torch.channels_last)
    for timestep in range(steps):
        policy.unet(rows, torch.full((2 * samples,), timestep, device=policy.device), prompt, return_dict=False)
    policy.base.vae.decode(latents.to(policy.base.vae.dtype), return_dict=False)
