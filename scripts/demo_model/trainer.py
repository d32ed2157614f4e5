"""The training loop: the same for the VAE and for both phases of the UNet."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from scripts.demo_model import checkpoint, metrics
from scripts.demo_model.budget import Budget
from scripts.demo_model.compute import Compute
from scripts.demo_model.errors import DemoModelError, Interrupted
from scripts.demo_model.learner import Learner
from scripts.demo_model.progress import progress
from scripts.demo_model.recipe import Training
from scripts.demo_model.stopping import ShouldStop, stop_on_signals


class Phase(Protocol):
    """What a phase brings: a network, its loss, and how its moving average is measured and shown."""

    name: str
    training: Training
    network: nn.ModuleDict

    def loss(self, step: int, batch: int) -> Tensor:
        """The loss of `network` on the batch that belongs to this step, a scalar."""

    def figures(self, averaged: nn.ModuleDict) -> dict[str, float]:
        """Held-out figures, by name."""

    def sheet(self, averaged: nn.ModuleDict) -> Image.Image:
        """Pictures to look at."""


@dataclass(frozen=True)
class Surroundings:
    """Where a run keeps its files, what it computes on, how often it saves, whom it tells, and how it is stopped."""

    folder: Path
    compute: Compute
    save_every: int  # optimizer steps
    console: Console
    stopping: Callable[[], AbstractContextManager[ShouldStop]] = stop_on_signals

    def checkpoint(self, phase: str) -> Path:
        """Where a phase's checkpoint lies."""
        return self.folder / "checkpoints" / f"{phase}.safetensors"

    @property
    def metrics(self) -> Path:
        """The run's record."""
        return self.folder / "metrics.jsonl"

    def sheet(self, phase: str, step: int) -> Path:
        """Where the pictures of a step lie."""
        return self.folder / "sheets" / f"{phase}-{step:06d}.png"


def train(phase: Phase, budget: Budget, around: Surroundings, fingerprint: str) -> nn.ModuleDict:
    """Train `phase` until its budget is spent, from its checkpoint where there is one; the moving average is returned.

    Where the budget is spent already this only loads. Raises Interrupted after saving, where a stop was asked for;
    DemoModelError where the loss is no number any more or the checkpoint belongs to other data.
    """
    learner = _take_up(phase, around, fingerprint)
    place, batch = learner.position, phase.training.batch(around.compute.device.type)
    done = budget.spent(place.step, place.seconds)
    with around.stopping() as should_stop, progress(around.console, phase.name, done=done) as update:
        while (spent := budget.spent(place.step, place.seconds)) < 1:
            if should_stop():
                checkpoint.save(learner, around.checkpoint(phase.name), fingerprint)
                raise Interrupted(f"{phase.name}: stopped and saved at step {place.step}. The same command goes on.")
            _one_step(phase, learner, around.compute, spent, batch)
            spent = budget.spent(place.step, place.seconds)
            update(spent, f"step {place.step}, {_rate(learner):.2f}/s, loss {place.loss_sum / place.losses:.4f}")
            if place.step % around.save_every == 0 or spent == 1:
                _record(phase, learner, around)
                checkpoint.save(learner, around.checkpoint(phase.name), fingerprint)
    return learner.averaged


def _take_up(phase: Phase, around: Surroundings, fingerprint: str) -> Learner:
    """A learner at its last checkpoint, or at the beginning; the record forgets what came after."""
    learner = Learner.begin(phase.network, phase.training, around.compute)
    path = around.checkpoint(phase.name)
    if path.exists():
        checkpoint.restore(learner, path, fingerprint)
        around.console.print(f"{phase.name}: going on from step {learner.position.step}")
    metrics.forget_after(around.metrics, phase.name, learner.position.step)
    return learner


def _one_step(phase: Phase, learner: Learner, compute: Compute, spent: float, batch: int) -> None:
    begun, place = time.monotonic(), learner.position
    with compute.autocast():
        loss = phase.loss(place.step, batch)
    value = loss.item()
    if not math.isfinite(value):
        raise DemoModelError(
            f"{phase.name}: the loss at step {place.step} is {value}. The last checkpoint is whole; "
            "lower the learning rate in the recipe, or train in another --precision."
        )
    learner.update(loss, spent)
    place.step += 1
    place.loss_sum += value
    place.losses += 1
    place.seconds += time.monotonic() - begun


def _record(phase: Phase, learner: Learner, around: Surroundings) -> None:
    """A row of the metrics and a sheet, both of the moving average."""
    place, averaged = learner.position, learner.averaged
    with torch.inference_mode():
        figures = phase.figures(averaged)
        sheet = phase.sheet(averaged)
    row = {
        "phase": phase.name,
        "step": place.step,
        "seconds": round(place.seconds, 1),
        "loss": place.loss_sum / place.losses,
        **figures,
    }
    place.loss_sum, place.losses = 0.0, 0
    metrics.append(around.metrics, row)
    path = around.sheet(phase.name, place.step)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
    around.console.print(", ".join(f"{name} {_short(value)}" for name, value in row.items()), soft_wrap=True)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _rate(learner: Learner) -> float:
    return learner.position.step / max(learner.position.seconds, 1e-9)
