"""An adapter at another strength, and several as one: the exact sum of their deltas.

A module with weight W and adapters i of scale c_i = alpha_i / rank_i at weights w_i becomes

    W + w_1 c_1 B_1 A_1 + w_2 c_2 B_2 A_2 + …

A sum of low-rank products is the low-rank product of the factors set side by side, so that nothing is approximated:

    A = [A_1; A_2; …]    B = [w_1 c_1 B_1, w_2 c_2 B_2, …]    rank = rank_1 + rank_2 + …,  scale 1

(peft's weighted adapters by `combination_type="cat"` are the same sum, with the weights in A.) One adapter alone keeps
its factors, and only its scale changes: at weight 1 it is the same to the bit.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from worker.d3po.adapter import Adapter
from worker.d3po.errors import ModelError, SettingsError
from worker.d3po.tensor_file import Tensors


def mixed(parts: Sequence[tuple[Adapter, float]]) -> Adapter | None:
    """One adapter that does what these do together, each at its weight; none where nothing is left (the base).

    Raises SettingsError for a weight that is not finite, ModelError where the adapters were made for different models.
    """
    if not all(math.isfinite(weight) for _, weight in parts):
        raise SettingsError("A weight of an adapter is not a finite number.")
    parts = [(adapter, weight) for adapter, weight in parts if weight]
    if not parts:
        return None
    if len(parts) == 1:
        ((adapter, weight),) = parts
        return replace(adapter, alpha=adapter.alpha * weight)
    rank = sum(adapter.rank for adapter, _ in parts)
    tensors: Tensors = {}
    for module in sorted({module for adapter, _ in parts for module in adapter.modules}):
        tensors |= _side_by_side(module, parts)
    return Adapter(tensors, rank, float(rank))


def _side_by_side(module: str, parts: Sequence[tuple[Adapter, float]]) -> Tensors:
    """The module's A and B; zeros in the places of an adapter that leaves the module alone."""
    name_a, name_b = f"{module}.lora_A.weight", f"{module}.lora_B.weight"
    here = next(adapter for adapter, _ in parts if name_a in adapter.tensors)
    inputs, outputs = here.tensors[name_a].shape[1], here.tensors[name_b].shape[0]
    tall, wide = [], []
    for adapter, weight in parts:
        a = adapter.tensors.get(name_a, torch.zeros(adapter.rank, inputs))
        b = adapter.tensors.get(name_b, torch.zeros(outputs, adapter.rank))
        if a.shape[1] != inputs or b.shape[0] != outputs:
            raise ModelError(f"These adapters were made for different models: {module} differs in its size.")
        tall.append(a)
        wide.append(b * (weight * adapter.alpha / adapter.rank))
    return {name_a: torch.cat(tall), name_b: torch.cat(wide, dim=1)}
