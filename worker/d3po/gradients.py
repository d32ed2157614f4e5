"""The loss of one optimizer step and its gradient, micro-batch by micro-batch.

    loss = mean over groups, over each group's trained steps, over its judged pairs of weight * loss_t
         + kl_weight * mean over groups, over their trained steps, over their samples of KL(pi_theta || pi_base)

The second term is DPOK's (Fan et al., arXiv 2305.16381, eq. 8), per latent element and differentiated exactly: where
the loss of few pairs is mostly noise, it takes back first what changes the pictures most.

Every row carries its exact part in its mean, so micro-batches add up to the same gradient however they are cut.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from worker.d3po.batching import Unit, distribution_of, log_probs_in, pair_rows, split_evenly
from worker.d3po.distribution import StepDistribution
from worker.d3po.loss import preference_loss
from worker.d3po.metrics import JudgedSteps
from worker.d3po.policy import Policy
from worker.d3po.records import TrainingSettings
from worker.d3po.training_set import LoadedGroup, trained_steps


class LogProbs(Protocol):
    """What is used of a Reference."""

    def log_probs(self, key: Hashable, units: Sequence[Unit]) -> Tensor: ...


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
    units, shares = _units(groups, settings)
    losses, parts, done = [], [], 0
    for number, batch in enumerate(split_evenly(units, settings.micro_batch)):
        rows = pair_rows(batch, shares[done : done + len(batch)])
        before = reference.log_probs((key, number), batch)
        now = distribution_of(policy, batch)
        r = ratios(now, batch, before, settings)
        first, second = r[rows.first], r[rows.second]
        of_pairs = preference_loss(first, second, rows.p.to(r), settings.beta, settings.clip)
        loss = (rows.share.to(r) * of_pairs).sum()
        if settings.kl_weight:
            kl = kl_to_base(policy, batch, now)
            loss = loss + settings.kl_weight * (state_shares(batch, shares[done:]).to(kl) * kl).sum()
        backward(loss)
        losses.append(loss.detach())
        parts.append(JudgedSteps.of(rows, r))
        done += len(batch)
    return float(torch.stack(losses).sum()), JudgedSteps.join(parts)


def ratios(now: StepDistribution, units: Sequence[Unit], reference: Tensor, settings: TrainingSettings) -> Tensor:
    """r = log pi_theta - log pi_ref of every state of the units, reduced as the settings say: (n,)."""
    r = log_probs_in(now, units) - reference
    return r * units[0].group.states[0, 0].numel() if settings.reduction == "sum" else r


def kl_to_base(policy: Policy, units: Sequence[Unit], now: StepDistribution) -> Tensor:
    """KL(pi_theta || pi_base) per latent element of every state of the units: (n,)."""
    with torch.no_grad(), policy.swapped(None):
        base = distribution_of(policy, units).mean
    return now.kl_to(base)


def state_shares(units: Sequence[Unit], unit_shares: Sequence[float]) -> Tensor:
    """The part of every state of the units in the mean over all of them: (n,)."""
    parts = zip(units, unit_shares, strict=False)
    return torch.cat([torch.full((unit.size,), share / unit.size, dtype=torch.float64) for unit, share in parts])


def _units(groups: Sequence[LoadedGroup], settings: TrainingSettings) -> tuple[list[Unit], list[float]]:
    """Every trained step of every group, and its part in the mean over groups and steps."""
    units, shares = [], []
    for group in groups:
        steps = trained_steps(group, settings)
        units += [Unit(group, step) for step in steps]
        shares += [1 / (len(groups) * len(steps))] * len(steps)
    return units, shares
