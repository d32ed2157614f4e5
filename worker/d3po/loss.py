"""The D3PO loss (Yang et al., arXiv 2311.13231, eq. 11, as in the authors' code) with preferences in [0, 1].

    r      = log pi_theta(a | s) - log pi_ref(a | s)
    d      = clamp(r_first) - clamp(r_second)
    loss   = -(p log sigmoid(beta d) + (1 - p) log sigmoid(-beta d))

The authors clamp exp(r) to [1 - clip, 1 + clip] and take the log of that; clamping r to the logs of the bounds is the
same and cannot overflow. A side past the clamp gives no gradient.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def bounds(clip: float | None) -> tuple[float, float]:
    """Where r is held: [log(1 - clip), log(1 + clip)], or nowhere."""
    if clip is None:
        return -math.inf, math.inf
    return math.log1p(-clip), math.log1p(clip)


def past_clamp(r: Tensor, clip: float | None) -> Tensor:
    """Which sides lie past the clamp: bool of r's shape."""
    low, high = bounds(clip)
    return (r < low) | (r > high)


def preference_loss(r_first: Tensor, r_second: Tensor, p: Tensor, beta: float, clip: float | None) -> Tensor:
    """The loss of each pair at each step; all tensors broadcast to one shape, which is also the result's."""
    low, high = bounds(clip)
    d = torch.clamp(r_first, low, high) - torch.clamp(r_second, low, high)
    return -(p * logsigmoid(beta * d) + (1 - p) * logsigmoid(-beta * d))
