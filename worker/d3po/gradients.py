"""The loss of one optimizer step and its gradient, micro-batch by micro-batch.

    loss = mean over groups, over each group's trained steps, over its judged pairs of weight * loss_t
         + kl_weight * mean over groups, over their held steps, over their samples of KL(pi_theta || pi_base)^kl_power

The second term is DPOK's (Fan et al., arXiv 2305.16381, eq. 8), per latent element and differentiated exactly: where
the loss of few pairs is mostly noise, it takes back first what changes the pictures most. Held are the trained steps,
and with `kl_steps` "more" as many others, which nothing else holds where samples part in a window of few steps. A
power above 1 leaves states near the base free and holds those that have drifted far the harder.

Every row carries its exact part in its mean, so micro-batches add up to the same gradient however they are cut.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from worker.d3po.batching import Unit, distribution_of, log_probs_in, pair_rows, split_evenly
from worker.d3po.distribution import StepDistribution
from worker.d3po.loss import preference_loss
from worker.d3po.metrics import JudgedSteps
from worker.d3po.policy import Policy
from worker.d3po.records import TrainingSettings
from worker.d3po.training_set import LoadedGroup, held_steps, trained_steps


class LogProbs(Protocol):
    """What is used of a Reference."""

    def log_probs(self, key: Hashable, units: Sequence[Unit]) -> Tensor: ...


@dataclass(frozen=True)
class Shared:
    """A unit, its part in the mean of the preference loss over groups and steps, and in that of the KL."""

    unit: Unit
    share: float
    kl_share: float


def accumulate(
    policy: Policy,
    groups: Sequence[LoadedGroup],
    reference: LogProbs,
    settings: TrainingSettings,
    *,
    key: Hashable = None,
    backward: Callable[[Tensor], None] = Tensor.backward,
) -> tuple[float, JudgedSteps]:
    """Adds the gradient of the groups' loss to the policy's parameters; the loss, and r of every judged pair and step.

    `key` names these groups to the reference, which remembers what it computed for them.
    """
    trained, held = _units(groups, settings)
    losses, parts = [], []
    for number, batch in enumerate(_split(trained, settings)):
        units = [one.unit for one in batch]
        rows = pair_rows(units, [one.share for one in batch])
        before = reference.log_probs((key, number), units)
        now = distribution_of(policy, units)
        r = ratios(now, units, before, settings)
        first, second = r[rows.first], r[rows.second]
        of_pairs = preference_loss(first, second, rows.p.to(r), settings.beta, settings.clip)
        loss = (rows.share.to(r) * of_pairs).sum()
        if settings.kl_weight:
            loss = loss + settings.kl_weight * kl_part(policy, batch, now, settings.kl_power)
        backward(loss)
        losses.append(loss.detach())
        parts.append(JudgedSteps.of(rows, r))
    for batch in _split(held, settings):
        now = distribution_of(policy, [one.unit for one in batch])
        loss = settings.kl_weight * kl_part(policy, batch, now, settings.kl_power)
        backward(loss)
        losses.append(loss.detach())
    return float(torch.stack(losses).sum()), JudgedSteps.join(parts)


def ratios(now: StepDistribution, units: Sequence[Unit], reference: Tensor, settings: TrainingSettings) -> Tensor:
    """r = log pi_theta - log pi_ref of every state of the units, reduced as the settings say: (n,)."""
    r = log_probs_in(now, units) - reference
    return r * units[0].group.states[0, 0].numel() if settings.reduction == "sum" else r


def kl_part(policy: Policy, batch: Sequence[Shared], now: StepDistribution, power: float) -> Tensor:
    """What the batch adds to the mean over all held states of KL(pi_theta || pi_base)^power, per latent element."""
    with torch.no_grad(), policy.swapped(None):
        base = distribution_of(policy, [one.unit for one in batch]).mean
    kl = now.kl_to(base).pow(power)
    parts = [torch.full((one.unit.size,), one.kl_share / one.unit.size, dtype=torch.float64) for one in batch]
    return (torch.cat(parts).to(kl) * kl).sum()


def _units(groups: Sequence[LoadedGroup], settings: TrainingSettings) -> tuple[list[Shared], list[Shared]]:
    """Every trained step of every group, and every further one that is held."""
    trained, held = [], []
    for group in groups:
        steps, further = trained_steps(group, settings), held_steps(group, settings)
        share = 1 / (len(groups) * len(steps))
        kl_share = 1 / (len(groups) * (len(steps) + len(further)))
        trained += [Shared(Unit(group, step), share, kl_share) for step in steps]
        held += [Shared(Unit(group, step), 0.0, kl_share) for step in further]
    return trained, held


def _split(parts: Sequence[Shared], settings: TrainingSettings) -> Iterator[Sequence[Shared]]:
    """Batches of at most `micro_batch` states each, in order."""
    done = 0
    for batch in split_evenly([one.unit for one in parts], settings.micro_batch) if parts else ():
        yield parts[done : done + len(batch)]
        done += len(batch)
