"""What goes into the library and what comes out: plain frozen records, without bounds or prose for people.

Defaults are the product's; the paper's published values differ from them only in `max_step_gain` (none).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self

import numpy as np
import torch

from worker.d3po.errors import SettingsError
from worker.d3po.noise import NoiseSource

Precision = Literal["auto", "fp32", "fp16", "bf16", "fp64"]
OFF = "off"  # the identity of a policy without an adapter, or with one that does nothing


@dataclass(frozen=True)
class SamplingSettings:
    """How samples are drawn. Frozen with the round."""

    steps: int = 20  # T, the number of denoising steps
    eta: float = 1.0  # share of DDPM's noise in each DDIM step; 0 is deterministic and only for evaluation
    branch_steps: int | None = None  # steps at which a group's samples get noise of their own; None: all
    branch_from: int = 0  # first of the steps in whose half schedule these windows begin
    antithetic: bool = False  # samples 1, 3, ... get the negative of the noise of 0, 2, ..., where it is their own
    guidance: float = 5.0  # w of classifier-free guidance
    negative_prompt: str = ""
    height: int | None = None  # pixels; None: the model's own size
    width: int | None = None
    storage: Literal["fp16", "fp32"] = "fp16"  # what latents are rounded to as soon as they are drawn
    precision: Precision = "auto"  # of the frozen UNet; auto: fp16 on an accelerator, fp32 on a CPU


@dataclass(frozen=True)
class TrainingSettings:
    """How a policy is trained. Frozen with the training run."""

    rank: int = 4
    lora_alpha: float = 4.0  # the LoRA's effect is scaled by lora_alpha / rank
    lora_layers: Literal["attention", "cross_attention", "last_up_block", "transformer"] = "attention"  # lora_targets
    learning_rate: float = 3e-5
    warmup_steps: int = 0  # optimizer steps over which a fresh optimizer's learning rate rises from near 0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    weight_decay: float = 1e-4
    max_grad_norm: float | None = 1.0
    optimizer_state: Literal["carry", "fresh"] = "carry"
    beta: float = 0.1
    clip: float | None = 0.1  # exp(r) is held within [1 - clip, 1 + clip]; None: plain D3PO
    reduction: Literal["mean", "sum"] = "mean"  # of the log-density over latent elements
    ties: Literal["left_out", "trained"] = "left_out"
    reference: Literal["base", "sampled"] = "base"  # the adapter off, or the policy that sampled
    kl_weight: float = 0.0  # of KL to the base, per latent element, added to the loss
    kl_power: float = 1.0  # to which that KL is taken, state by state
    kl_steps: Literal["trained", "more"] = "trained"  # at which it is taken; more: at as many further ones too
    inner_epochs: int = 1
    groups_per_step: int = 1  # groups whose mean gradient makes one optimizer step
    steps_per_pair: int | None = None  # trained denoising steps per group, drawn by key; None: all usable ones
    max_step_gain: float | None = 3.0  # steps with a larger g_t are left out; None: none are
    micro_batch: int = 16  # states (one sample at one step) that share a forward pass
    gradient_checkpointing: bool = False
    precision: Precision = "auto"
    deterministic: bool = False  # bitwise on CUDA, at a price
    seed: int = 0  # of the LoRA's first values and of the steps drawn per group
    max_kl: float | None = None  # the run ends where KL to the policy that sampled, per latent element, passes this
    measure_every: int = 20  # optimizer steps between measurements of KL; 0: never
    measure_states: int = 16  # stored states it is measured on
    resume_every: int = 20  # optimizer steps between resume points; 0: only when told to stop


@dataclass(frozen=True)
class GroupSpec:
    """One prompt and one x_T, of which `samples` samples are drawn."""

    number: int
    prompt: str
    noise: NoiseSource
    samples: int = 2


@dataclass(frozen=True)
class Trajectory:
    """x_{T-1} … x_0 of one sample (x_T is drawn again from its key), with what is needed to score it again."""

    latents: torch.Tensor  # (T, C, H, W) in the storage type
    timesteps: torch.Tensor  # (T,) int64
    log_probs: torch.Tensor  # (T,) fp32 (float64 from a float64 UNet), mean-reduced; NaN at steps without noise
    prompt: str
    noise: NoiseSource
    sample: int
    sampling: SamplingSettings
    policy: str  # identity of the policy that sampled
    precision: str  # of the UNet that sampled


@dataclass(frozen=True)
class SampleRecord:
    """One drawn sample."""

    group: GroupSpec
    sample: int
    image: np.ndarray  # (H, W, 3) uint8
    trajectory: Trajectory | None
    prompt_truncated: bool  # the prompt is longer than the text encoder can read

    @property
    def name(self) -> str:
        """A name for it among samples drawn together: "<group>/<sample>"."""
        return f"{self.group.number}/{self.sample}"


@dataclass(frozen=True)
class Preference:
    """What was said of one pair. `first` and `second` are what `load_trajectory` is called with."""

    pair: str
    group: int
    first: str
    second: str
    p: float  # probability that first is better
    weight: float = 1.0
    held_out: bool = False

    @classmethod
    def between(cls, first: SampleRecord, second: SampleRecord, p: float = 1.0, *, held_out: bool = False) -> Self:
        """Of two samples of one group, by their names. Raises SettingsError where they are not of one group."""
        if first.group != second.group:
            raise SettingsError(
                f"{first.name} and {second.name} do not share prompt and noise: only samples of one group are compared."
            )
        pair = f"{first.name} {second.name}"
        return cls(pair, first.group.number, first.name, second.name, p, held_out=held_out)


@dataclass(frozen=True)
class StepOfSchedule:
    """One optimizer step as seen at one step of the denoising schedule (means over its judged pairs)."""

    step: int
    timestep: int
    gain: float  # g_t
    r_winner: float | None  # None where only ties were trained
    r_loser: float | None
    clamped: float  # share of sides past the clamp


@dataclass(frozen=True)
class HeldOut:
    """Accuracy on pairs that were never trained, with its 95 % Wilson interval."""

    pairs: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class StepMetrics:
    """One optimizer step. Everything but `kl_*` is as it was before the step's own update."""

    step: int  # counts from 1
    epoch: int
    groups: tuple[int, ...]
    pairs: int
    loss: float
    margin: float | None  # None where only ties were trained
    accuracy: float | None
    clamped_sides: float
    clamped_pairs: float  # share of pairs (per step of the schedule) with both sides past the clamp
    gradient_norm: float
    by_step: tuple[StepOfSchedule, ...]
    kl_reference: float | None  # None where not measured at this step
    kl_sampled: float | None  # to the policy that sampled
    kl_base: float | None
    skipped: bool  # an fp16 gradient overflowed; the scaler dropped the update
    seconds: float


@dataclass(frozen=True)
class CheckReport:
    """The figures of the checks before the first step."""

    states: int
    largest_difference: float  # |recomputed - stored| log-probability
    limit: float
    reference: str  # identity
    stored_reference: bool  # the stored log-probabilities serve as the reference
    largest_r: float | None  # None unless reference and starting policy are the same weights
    first_loss: float | None
    remarks: tuple[str, ...] = ()


class StopReason(StrEnum):
    """Why a training run ended without an error."""

    FINISHED = "finished"
    STOPPED = "stopped"
    MAX_KL = "max_kl"  # the policy has moved as far from the one that sampled as the settings allow


@dataclass(frozen=True)
class MetricsSummary:
    """Means over the optimizer steps of a run so far."""

    steps: int = 0
    loss: float = 0.0
    margin: float | None = None
    accuracy: float | None = None
    clamped_sides: float = 0.0
    clamped_pairs: float = 0.0
    skipped: int = 0


@dataclass(frozen=True)
class TrainingResult:
    """What a training run leaves behind."""

    adapter: bytes
    adapter_identity: str
    optimizer: bytes
    summary: MetricsSummary
    held_out: HeldOut | None
    checks: CheckReport
    steps: int
    stop: StopReason
    remarks: tuple[str, ...] = field(default=())
