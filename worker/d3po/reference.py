"""log pi_ref: the same weights with the adapter off, or as they were when the round was sampled.

Each value is computed at most once. It costs nothing where the reference is the policy that sampled and its stored
log-probability can be trusted: the same precision and, at another batch shape, no further off than `TRUSTED`.
"""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from worker.d3po.adapter import Adapter
from worker.d3po.batching import Unit, log_probs_of, stored_log_probs
from worker.d3po.policy import Policy
from worker.d3po.records import OFF

TRUSTED = 1e-4


class Reference:
    """What the policy is measured against. Make it before the policy's first step."""

    def __init__(self, policy: Policy, adapter: Adapter | None) -> None:
        """`adapter` is the reference's own; None is the base model."""
        self.policy = policy
        self.adapter = adapter
        self.identity = OFF if adapter is None else adapter.identity
        self.trusts_stored = True
        self._known: dict[Hashable, Tensor] = {}

    def log_probs(self, key: Hashable, units: Sequence[Unit]) -> Tensor:
        """log pi_ref of every state of the units, mean-reduced: (n,). The same `key` always means the same units."""
        if self.trusts_stored and all(self._sampled(unit) for unit in units):
            return stored_log_probs(units).to(self.policy.device, self.policy.exact_dtype)
        if key not in self._known:
            self._known[key] = self.compute(units)
        return self._known[key]

    @torch.no_grad()
    def compute(self, units: Sequence[Unit]) -> Tensor:
        """As `log_probs`, by the weights, whatever is stored."""
        with self.policy.swapped(self.adapter):
            return log_probs_of(self.policy, units)

    def _sampled(self, unit: Unit) -> bool:
        return unit.group.policy == self.identity and unit.group.precision == self.policy.precision
