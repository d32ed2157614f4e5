"""States of several groups and steps put into one forward pass, and their judged pairs found in it again.

The unit is one step of one group: its K samples always stay together, for the loss compares them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from worker.d3po.distribution import States, StepDistribution, step_distribution
from worker.d3po.errors import SettingsError
from worker.d3po.policy import Policy
from worker.d3po.prompts import Prompts
from worker.d3po.training_set import LoadedGroup


@dataclass(frozen=True)
class Unit:
    """All samples of one group at one step."""

    group: LoadedGroup
    step: int

    @property
    def size(self) -> int:
        """K, the number of states."""
        return len(self.group.group.samples)


@dataclass(frozen=True)
class PairRows:
    """The judged pairs of a batch: m rows, one per pair and step."""

    pair: list[str]
    step: Tensor  # (m,) int64
    first: Tensor  # (m,) rows of the batch's states
    second: Tensor
    p: Tensor  # (m,)
    share: Tensor  # (m,) part in the loss of the whole optimizer step


def split_evenly(units: Sequence[Unit], states: int) -> list[list[Unit]]:
    """Batches of nearly equal size, each of at most `states` states where a single unit allows it."""
    per_batch = max(1, states // max(unit.size for unit in units))
    batches = math.ceil(len(units) / per_batch)
    edges = [round(number * len(units) / batches) for number in range(batches + 1)]
    return [list(units[start:end]) for start, end in pairwise(edges)]


def distribution_of(policy: Policy, units: Sequence[Unit]) -> StepDistribution:
    """The policy at every state of the units. Raises SettingsError where they do not share their sampling settings."""
    if any(unit.group.sampling != units[0].group.sampling for unit in units):
        raise SettingsError("Groups drawn with different sampling settings cannot share a forward pass.")
    device, dtype = policy.device, policy.exact_dtype
    x = torch.cat([unit.group.states[:, unit.step] for unit in units])
    states = States(
        x=x.to(device).to(dtype),
        step=torch.tensor([unit.step for unit in units for _ in range(unit.size)]),
        prompt=Prompts.joined([unit.group.prompt.repeated(unit.size) for unit in units]),
        negative=Prompts.joined([unit.group.negative.repeated(unit.size) for unit in units]),
    )
    first = units[0].group
    return step_distribution(policy, first.schedule, states, first.sampling.guidance)


def log_probs_of(policy: Policy, units: Sequence[Unit]) -> Tensor:
    """log pi(x_{t-1} | x_t) of every state of the units, mean-reduced: (n,)."""
    return log_probs_in(distribution_of(policy, units), units)


def log_probs_in(distribution: StepDistribution, units: Sequence[Unit]) -> Tensor:
    """As `log_probs_of`, where the distribution at the units' states is known."""
    x_prev = torch.cat([unit.group.states[:, unit.step + 1] for unit in units])
    return distribution.log_prob(x_prev.to(distribution.mean))


def stored_log_probs(units: Sequence[Unit]) -> Tensor:
    """What sampling stored for every state of the units: (n,) on the CPU."""
    return torch.cat([unit.group.log_probs[:, unit.step] for unit in units])


def pair_rows(units: Sequence[Unit], unit_shares: Sequence[float]) -> PairRows:
    """The judged pairs of a batch. `unit_shares` says what part each unit has in the optimizer step's loss."""
    starts = list(accumulate((unit.size for unit in units), initial=0))
    rows = []
    for unit, start, share in zip(units, starts, unit_shares, strict=False):
        group = unit.group.group
        place = {name: start + number for number, name in enumerate(group.samples)}
        for pair in group.pairs:
            weight = share * pair.weight / len(group.pairs)
            rows.append((pair.pair, unit.step, place[pair.first], place[pair.second], pair.p, weight))
    names, steps, first, second, p, shares = zip(*rows, strict=True)
    return PairRows(
        pair=list(names),
        step=torch.tensor(steps),
        first=torch.tensor(first),
        second=torch.tensor(second),
        p=torch.tensor(p, dtype=torch.float64),
        share=torch.tensor(shares, dtype=torch.float64),
    )
