"""Drawing groups of samples that share prompt and x_T and differ in the noise injected at each step.

A sample's noise is keyed by ordinals, so it does not matter which batch a sample is drawn in, but for the last bits of
the UNet's own arithmetic. x_T and every x_{t-1} are rounded to the storage type as soon as they are drawn, and the
log-probability is that of the rounded values: what is trained from disk later is exactly what happened.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from worker.d3po.branching import branch, injected
from worker.d3po.distribution import States, step_distribution
from worker.d3po.errors import SettingsError, StoppedError
from worker.d3po.policy import Policy
from worker.d3po.prompts import Prompts
from worker.d3po.records import GroupSpec, SampleRecord, SamplingSettings, Trajectory
from worker.d3po.schedule import Schedule
from worker.d3po.trajectory import STORAGE, initial_latents

PIXELS_PER_DECODE = 2**21  # eight pictures of 512 x 512 through the VAE at once

Draw = tuple[GroupSpec, int]  # a group and the number of one of its samples


def sample_groups(
    policy: Policy,
    groups: Sequence[GroupSpec],
    settings: SamplingSettings,
    *,
    batch: int,
    trajectories: bool = True,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[SampleRecord]:
    """Draws every sample of every group, in order, `batch` samples at a time (the last batch may be smaller).

    `on_progress` gets the denoising steps done and their total; `should_stop` is asked before each step. Raises
    StoppedError, SettingsError (a trajectory needs 0 < eta <= 1), ModelError.
    """
    if trajectories and not settings.eta > 0:
        raise SettingsError(f"eta is {settings.eta}: without noise there is nothing to learn from. Set 0 < eta <= 1.")
    schedule = policy.schedule(settings.steps, settings.eta)
    draws = [(group, sample) for group in groups for sample in range(group.samples)]
    batches = [draws[start : start + batch] for start in range(0, len(draws), batch)]
    total = len(batches) * settings.steps
    for number, members in enumerate(batches):

        def before_step(step: int, done: int = number * settings.steps) -> None:
            if should_stop():
                raise StoppedError("Sampling was told to stop; what was drawn before is complete.")
            on_progress(done + step, total)

        yield from _draw_batch(policy, schedule, members, settings, trajectories, before_step)
    on_progress(total, total)


def _draw_batch(
    policy: Policy,
    schedule: Schedule,
    members: list[Draw],
    settings: SamplingSettings,
    trajectories: bool,
    before_step: Callable[[int], None],
) -> Iterator[SampleRecord]:
    latents, log_probs = _denoise(policy, schedule, members, settings, before_step)
    images = _decode(policy, latents[-1])
    timesteps = torch.tensor(schedule.timesteps)
    kept = torch.stack(latents, dim=1).cpu() if trajectories else None  # (n, T, C, H, W)
    scores = torch.stack(log_probs, dim=1).cpu()  # (n, T)
    identity = policy.identity if trajectories else ""
    for row, (group, sample) in enumerate(members):
        trajectory = None
        if kept is not None:
            trajectory = Trajectory(
                latents=kept[row],
                timesteps=timesteps,
                log_probs=scores[row],
                prompt=group.prompt,
                noise=group.noise,
                sample=sample,
                sampling=settings,
                policy=identity,
                precision=policy.precision,
            )
        yield SampleRecord(group, sample, images[row].numpy(), trajectory, policy.encode(group.prompt).truncated)


@torch.no_grad()
def _denoise(
    policy: Policy,
    schedule: Schedule,
    members: list[Draw],
    settings: SamplingSettings,
    before_step: Callable[[int], None],
) -> tuple[list[Tensor], list[Tensor]]:
    """x_{T-1} … x_0 (each (n, C, H, W) in the storage type, on the device) and the log-probability of each step."""
    shape, storage = policy.latent_shape(settings.height, settings.width), STORAGE[settings.storage]
    prompt = Prompts.joined([policy.encode(group.prompt).alone for group, _ in members])
    negative = policy.encode_negative(settings.negative_prompt).alone.repeated(len(members))
    x = torch.stack([initial_latents(group.noise, shape, storage) for group, _ in members]).to(policy.device)
    windows = [(member, branch(member[0].noise, settings)) for member in members]
    latents, log_probs = [], []
    for step, sigma in enumerate(schedule.sigma):
        before_step(step)
        states = States(x.to(policy.exact_dtype), torch.full((len(members),), step), prompt, negative)
        distribution = step_distribution(policy, schedule, states, settings.guidance)
        x = distribution.mean
        if sigma > 0:
            drawn = torch.stack(
                [
                    injected(group.noise, sample, step, window, shape, antithetic=settings.antithetic)
                    for (group, sample), window in windows
                ]
            )
            x = x + distribution.sigma[:, None, None, None] * drawn.to(x)
        x = x.to(storage)
        latents.append(x)
        log_probs.append(distribution.log_prob(x.to(policy.exact_dtype)))
    return latents, log_probs


def _decode(policy: Policy, latents: Tensor) -> Tensor:
    """Pictures (n, H, W, 3) uint8, as many through the VAE at once as `PIXELS_PER_DECODE` allows."""
    pixels = latents.shape[-1] * latents.shape[-2] * policy.vae_factor**2
    at_once = max(1, PIXELS_PER_DECODE // pixels)
    return torch.cat([policy.decode(part) for part in latents.split(at_once)])
