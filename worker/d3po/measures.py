"""Measurements beside training: KL over a fixed set of stored states, and accuracy on pairs never trained."""

from collections.abc import Sequence

import torch
from torch import Tensor

from worker.d3po.adapter import Adapter
from worker.d3po.batching import Unit, distribution_of, log_probs_of, pair_rows, split_evenly
from worker.d3po.metrics import JudgedSteps, held_out, pair_margins
from worker.d3po.policy import Policy
from worker.d3po.records import HeldOut, TrainingSettings
from worker.d3po.reference import Reference
from worker.d3po.training_set import Group, Loader, trained_steps


class KLProbe:
    """KL(policy || reference) and KL(policy || base) per latent element, over a fixed set of states.

    The means of reference and base never change, so each is computed once. Make it before the policy's first step.
    """

    def __init__(self, policy: Policy, units: Sequence[Unit], reference: Adapter | None, states: int) -> None:
        self._policy = policy
        self._batches = split_evenly(units, states)
        self._base = self._means(None)
        self._reference = self._base if reference is None else self._means(reference)

    @torch.no_grad()
    def measure(self) -> tuple[float, float]:
        """To the reference and to the base."""
        to_reference, to_base = [], []
        for batch, reference, base in zip(self._batches, self._reference, self._base, strict=True):
            now = distribution_of(self._policy, batch)
            to_reference.append(now.kl_to(reference))
            to_base.append(now.kl_to(base))
        return float(torch.cat(to_reference).mean()), float(torch.cat(to_base).mean())

    @torch.no_grad()
    def _means(self, adapter: Adapter | None) -> list[Tensor]:
        with self._policy.swapped(adapter):
            return [distribution_of(self._policy, batch).mean for batch in self._batches]


def probe_units(groups: Sequence[Group], load: Loader, settings: TrainingSettings, states: int) -> list[Unit]:
    """Units of about `states` states (fewer where there are no more), spread evenly over groups and trained steps."""
    count = max(1, states // len(groups[0].samples))
    places = [number * len(groups) // count for number in range(count)]
    loaded = {place: load(groups[place]) for place in sorted(set(places))}
    units = {}
    for number, place in enumerate(places):
        steps = trained_steps(groups[place], loaded[place].schedule, settings)
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
        units = [Unit(loaded, step) for step in trained_steps(group, loaded.schedule, settings)]
        parts = []
        for number, batch in enumerate(split_evenly(units, settings.micro_batch)):
            r = log_probs_of(policy, batch) - reference.log_probs(("held out", group.number, number), batch)
            parts.append(JudgedSteps.of(pair_rows(batch, [1.0] * len(batch)), r))
        margins += pair_margins(JudgedSteps.join(parts))
    return held_out(margins)
