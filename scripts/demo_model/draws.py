"""Chance that depends on a key alone: step 700 draws the same whether or not the run was stopped at 699."""

import hashlib
import random

import torch
from torch import Tensor


def generator(*key: str | int) -> torch.Generator:
    """A generator on the CPU for this key. Draws are made there and moved, so every device sees the same."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def chooser(*key: str | int) -> random.Random:
    """Python's own generator for this key, for choices among words."""
    return random.Random("/".join(map(str, key)))  # noqa: S311 - no secret hangs on it


def batch_indices(count: int, batch: int, step: int, *key: str | int) -> Tensor:
    """Which of `count` things a step sees: pass after pass in whole batches, each pass in an order of its own."""
    per_pass = max(1, count // batch)
    turn, place = divmod(step, per_pass)
    order = torch.randperm(count, generator=generator(*key, "pass", turn))
    return order[place * batch : (place + 1) * batch]
