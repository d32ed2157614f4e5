"""Measurements beside training: KL over a fixed set of stored states, and accuracy on pairs never trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.d3po.adapter import Adapter
from worker.d3po.batching import Unit, distribution_of, log_probs_of, pair_rows, split_evenly
from worker.d3po.metrics import JudgedSteps, held_out, pair_margins
from worker.d3po.policy import Policy
from worker.d3po.records import HeldOut, TrainingSettings
from worker.d3po.reference import Reference
from worker.d3po.training_set import Group, Loader, trained_steps


@dataclass(frozen=True)
class KL:
    """KL(policy || other) per latent element, mean over the probe's states; None where it was not measured."""

    reference: float | None = None
    sampled: float | None = None  # the policy that sampled
    base: float | None = None


class KLProbe:
    """KL(policy || other) over a fixed set of states, of the reference, the policy that sampled, and the base.

    Their means never change, so each is computed once. Make it before the policy's first step: the policy is then the
    one that sampled.
    """

    def __init__(self, policy: Policy, units: Sequence[Unit], reference: Adapter | None, states: int) -> None:
        self._policy = policy
        self._batches = split_evenly(units, states)
        self._sampled = self._means()
        with policy.swapped(None):
            self._base = self._means()
        self._reference = self._base if reference is None else self._sampled

    @torch.no_grad()
    def measure(self) -> KL:
        """The policy as it is now."""
        now = [distribution_of(self._policy, batch) for batch in self._batches]

        def to(means: list[Tensor]) -> float:
            return float(torch.cat([one.kl_to(mean) for one, mean in zip(now, means, strict=True)]).mean())

        return KL(reference=to(self._reference), sampled=to(self._sampled), base=to(self._base))

    @torch.no_grad()
    def _means(self) -> list[Tensor]:
        return [distribution_of(self._policy, batch).mean for batch in self._batches]


def probe_units(groups: Sequence[Group], load: Loader, settings: TrainingSettings, states: int) -> list[Unit]:
    """Units of about `states` states (fewer where there are no more), spread evenly over groups and trained steps."""
    count = max(1, states // len(groups[0].samples))
    places = [number * len(groups) // count for number in range(count)]
    loaded = {place: load(groups[place]) for place in sorted(set(places))}
    units = {}
    for number, place in enumerate(places):
        steps = trained_steps(loaded[place], settings)
        step = steps[number * len(steps) // count]
        units[place, step] = Unit(loaded[place], step)
    return list(units.values())


@torch.no_grad()
def measure_held_out(
    policy: Policy, groups: Sequence[Group], load: Loader, reference: Reference, settings: TrainingSettings
) -> HeldOut | None:
    """Accuracy of the policy as it is on the held-out groups; None where there are none."""
    margins: list[float] = []
    for group in groups:
        loaded = load(group)
        units = [Unit(loaded, step) for step in trained_steps(loaded, settings)]
        parts = []
        for number, batch in enumerate(split_evenly(units, settings.micro_batch)):
            r = log_probs_of(policy, batch) - reference.log_probs(("held out", group.number, number), batch)
            parts.append(JudgedSteps.of(pair_rows(batch, [1.0] * len(batch)), r))
        margins += pair_margins(JudgedSteps.join(parts))
    return held_out(margins)
