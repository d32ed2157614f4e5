"""What is measured at each optimizer step, from r of every judged pair at every trained step."""

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from worker.d3po.batching import PairRows
from worker.d3po.loss import past_clamp
from worker.d3po.records import HeldOut, MetricsSummary, StepMetrics, StepOfSchedule
from worker.d3po.schedule import Schedule

STALLED = 0.5  # share of pairs with both sides past the clamp above which training has all but stopped
Z95 = 1.959963984540054


@dataclass(frozen=True)
class JudgedSteps:
    """m rows, one per judged pair and trained step, on the CPU in float64."""

    pair: list[str]
    step: Tensor  # (m,) int64
    p: Tensor
    r_first: Tensor
    r_second: Tensor

    @classmethod
    def of(cls, rows: PairRows, r: Tensor) -> "JudgedSteps":
        """The pairs of one batch, from r of its states."""
        seen = r.detach().double().cpu()
        return cls(rows.pair, rows.step, rows.p, seen[rows.first], seen[rows.second])

    @classmethod
    def join(cls, parts: list["JudgedSteps"]) -> "JudgedSteps":
        """Several micro-batches as one."""
        tensors = {
            name: torch.cat([getattr(part, name) for part in parts]) for name in ("step", "p", "r_first", "r_second")
        }
        return cls(pair=[name for part in parts for name in part.pair], **tensors)


def pair_margins(rows: JudgedSteps) -> list[float]:
    """Of each pair that is no tie: the mean over its trained steps of r_winner - r_loser, before the clamp."""
    margin = (rows.p - 0.5).sign() * (rows.r_first - rows.r_second)
    of_pair: dict[str, list[float]] = {}
    for name, p, value in zip(rows.pair, rows.p.tolist(), margin.tolist(), strict=True):
        if p != 0.5:
            of_pair.setdefault(name, []).append(value)
    return [math.fsum(values) / len(values) for values in of_pair.values()]


def accuracy(margins: list[float]) -> float | None:
    """Share of pairs whose winner gained more; a margin of exactly 0 counts one half."""
    if not margins:
        return None
    return sum(1.0 if margin > 0 else 0.5 if margin == 0 else 0.0 for margin in margins) / len(margins)


def held_out(margins: list[float]) -> HeldOut | None:
    """Accuracy on held-out pairs with its 95 % Wilson interval."""
    share = accuracy(margins)
    if share is None:
        return None
    n = len(margins)
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n)
    return HeldOut(n, share, centre - half, centre + half)


def clamped_shares(rows: JudgedSteps, clip: float | None) -> tuple[float, float]:
    """Share of sides past the clamp, and of pairs (at each step) with both sides past it."""
    first, second = past_clamp(rows.r_first, clip), past_clamp(rows.r_second, clip)
    return float((first.double() + second.double()).mean()) / 2, float((first & second).double().mean())


def by_step(rows: JudgedSteps, schedule: Schedule, clip: float | None) -> tuple[StepOfSchedule, ...]:
    """r and the clamped share at each trained step of the denoising schedule."""
    winner = torch.where(rows.p > 0.5, rows.r_first, rows.r_second)
    loser = torch.where(rows.p > 0.5, rows.r_second, rows.r_first)
    clamped = past_clamp(winner, clip).double() / 2 + past_clamp(loser, clip).double() / 2
    judged = rows.p != 0.5
    found = []
    for step in rows.step.unique().tolist():
        here = rows.step == step
        sided = here & judged
        found.append(
            StepOfSchedule(
                step=step,
                timestep=schedule.timesteps[step],
                gain=float(schedule.gain[step]),
                r_winner=float(winner[sided].mean()) if sided.any() else None,
                r_loser=float(loser[sided].mean()) if sided.any() else None,
                clamped=float(clamped[here].mean()),
            )
        )
    return tuple(found)


def mean(values: list[float]) -> float | None:
    """The mean, or None of nothing."""
    return math.fsum(values) / len(values) if values else None


@dataclass
class Totals:
    """Running sums of a whole run; they travel in its resume points."""

    steps: int = 0
    loss: float = 0.0
    judged: int = 0
    margin: float = 0.0
    accuracy: float = 0.0
    clamped_sides: float = 0.0
    clamped_pairs: float = 0.0
    skipped: int = 0

    def add(self, metrics: StepMetrics) -> None:
        """Counts one optimizer step."""
        self.steps += 1
        self.loss += metrics.loss
        self.clamped_sides += metrics.clamped_sides
        self.clamped_pairs += metrics.clamped_pairs
        self.skipped += metrics.skipped
        if metrics.margin is not None and metrics.accuracy is not None:
            self.judged += 1
            self.margin += metrics.margin
            self.accuracy += metrics.accuracy

    def summary(self) -> MetricsSummary:
        """Means over the steps counted."""
        steps, judged = max(self.steps, 1), self.judged
        return MetricsSummary(
            steps=self.steps,
            loss=self.loss / steps,
            margin=self.margin / judged if judged else None,
            accuracy=self.accuracy / judged if judged else None,
            clamped_sides=self.clamped_sides / steps,
            clamped_pairs=self.clamped_pairs / steps,
            skipped=self.skipped,
        )

    def as_dict(self) -> dict[str, float]:
        """For a resume point."""
        return asdict(self)


def remarks(summary: MetricsSummary) -> tuple[str, ...]:
    """What a person should know of a run, with remedies."""
    found = []
    if summary.clamped_pairs > STALLED:
        found.append(
            f"{summary.clamped_pairs:.0%} of pairs had both sides past the clamp and taught nothing: training has all "
            "but stopped. Lower the learning rate or the inner epochs, raise clip, or go on with a new round."
        )
    if summary.skipped:
        found.append(f"{summary.skipped} updates were dropped because an fp16 gradient overflowed.")
    return tuple(found)
