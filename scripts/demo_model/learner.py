"""A network while it is trained: weights, their moving average, optimizer, and how far it has come."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from scripts.demo_model.compute import Compute
from scripts.demo_model.recipe import Training

GRADIENT_NORM = 1.0

Weights = tuple[Tensor, ...] | list[Tensor]


@dataclass
class Position:
    """How far a phase has come. The sum is of the losses since the last row of the metrics."""

    step: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    losses: int = 0


@dataclass
class Learner:
    """Everything that a checkpoint holds. `network` and its average share no memory."""

    network: nn.ModuleDict
    training: Training
    averaging: AveragedModel
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    position: Position = field(default_factory=Position)

    @classmethod
    def begin(cls, network: nn.ModuleDict, training: Training, compute: Compute) -> "Learner":
        """A learner at step 0, on its device. Convolutions run faster in the channels-last layout."""
        network.to(compute.device).train()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's own types leave it out
        optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.99), weight_decay=training.weight_decay)
        averaging = AveragedModel(network, multi_avg_fn=_moving_average(training.average)).eval()
        return cls(network, training, averaging, optimizer, compute.scaler())

    @property
    def averaged(self) -> nn.ModuleDict:
        """The moving average of the network."""
        return cast(nn.ModuleDict, self.averaging.module)

    def update(self, loss: Tensor, spent: float) -> None:
        """One optimizer step down the gradient of `loss`; `spent` (0…1) sets the learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.training, self.position.step, spent)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.averaging.update_parameters(self.network)


def learning_rate(training: Training, step: int, spent: float) -> float:
    """Linear warm-up times a cosine over the budget (Loshchilov & Hutter, arXiv 1608.03983, eq. 5) above a floor."""
    warm = min(1.0, (step + 1) / training.warmup)
    return training.learning_rate * warm * (0.5 * (1 + math.cos(math.pi * spent)) + training.floor)


def _moving_average(decay: float) -> Callable[[Weights, Weights, Tensor | int], None]:
    """An average that soon forgets its first steps: the n-th decay is (1 + n) / (10 + n), at most `decay`."""

    def update(averaged: Weights, current: Weights, updates: Tensor | int) -> None:
        count = int(updates)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + count) / (10 + count)))

    return update
