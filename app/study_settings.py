"""The user's settings of a study: one typed model in four blocks, from which forms, checks and presets are drawn.

Sampling is frozen at a round's launch, labeling may change at any time (each change is an event), training is frozen
with the training run, watching is read from the study as it is and may change at any time. The library's records carry
the same names without bounds or prose; `worker.bridge` fills them.
"""

import hashlib
import tomllib
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.errors import BadInput
from app.models.base import Json

PRESETS = Path(__file__).with_name("presets")
BLOCKS = ("sampling", "labeling", "training", "watching")
# what a study does about a kind of trouble: nothing, warn, stop itself, or stop and go back to the last good checkpoint
Act = Literal["off", "warn", "stop"]
ActOrGoBack = Literal["off", "warn", "stop", "go_back"]


def described(
    default: Any, text: str, *, unit: str = "", ge: float | None = None, gt: float | None = None,
    le: float | None = None, lt: float | None = None, long: bool = False,
) -> Any:  # fmt: skip
    """A field with its bounds, its unit and the sentence that stands beside it in the form; `long` for prose."""
    return Field(default, description=text, ge=ge, gt=gt, le=le, lt=lt, json_schema_extra={"unit": unit, "long": long})


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_none(cls, values: Any) -> Any:
        """An empty text stands for none where a field may be none: forms and TOML have no other word for it."""
        if not isinstance(values, dict):
            return values
        nullable = {name for name, field in cls.model_fields.items() if NoneType in get_args(field.annotation)}
        return {name: None if value == "" and name in nullable else value for name, value in values.items()}


class SamplingSettings(Block):
    """How pictures are drawn."""

    groups: int = described(
        40, "Groups drawn in a round; with two samples a group, this is the number of pairs.", ge=1, le=100_000
    )
    samples_per_group: int = described(2, "Samples drawn from one prompt and one noise.", ge=2, le=16)
    steps: int = described(20, "Denoising steps T of the DDIM sampler.", unit="steps", ge=2, le=500)
    eta: float = described(1.0, "Share of the DDPM noise put in at each step; D3PO needs it above 0.", gt=0, le=1)
    branch_steps: int | None = described(
        None, "Steps, in a row, at which the samples of a group get noise of their own; at the others they share it. A "
        "choice then speaks of these few steps, and teaches more. Empty: at all steps, as in the paper.",
        unit="steps", ge=1, le=499,
    )  # fmt: skip
    branch_from: int = described(
        0, "With branch_steps: how many steps samples go together at the least; they part within half the schedule "
        "from there. At 0 they may differ in what stands in the picture, later only in colour and detail, of which a "
        "choice then speaks.", unit="steps", ge=0, le=498,
    )  # fmt: skip
    antithetic: bool = described(
        False, "The two samples of a pair get opposite noise where it is their own: they differ as much as can be, so "
        "that a choice says more. Off, as in the paper, each draws its own.",
    )  # fmt: skip
    guidance: float = described(5.0, "Classifier-free guidance weight w.", ge=1, le=50)
    negative_prompt: str = described("", "Prompt that guidance steers away from; the paper uses none.")
    height: int | None = described(
        None, "Height of the pictures; empty takes the model's own.", unit="pixels", ge=8, le=4096
    )
    width: int | None = described(
        None, "Width of the pictures; empty takes the model's own.", unit="pixels", ge=8, le=4096
    )
    storage: Literal["fp16", "fp32"] = described("fp16", "Number type in which trajectories are kept.")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = described(
        "auto", "Precision of the frozen weights in drawing; auto takes fp16 on an accelerator and fp32 on a CPU."
    )
    chunk_groups: int = described(8, "Largest number of groups drawn before they are shown.", ge=1, le=1024)
    batch: int = described(16, "Samples that go through the model at once.", ge=1, le=1024)
    eval_draws: int = described(4, "Evaluation pictures drawn for each evaluation prompt.", ge=1, le=64)


class LabelingSettings(Block):
    """What annotators are asked and whose answers count."""

    choices_per_pair: int = described(1, "Choices asked for on each pair.", ge=1, le=100)
    pairs_shown: Literal["all", "neighbours", "most_different"] = described(
        "all", "Which pairs of a group with more than two samples are shown: all, each sample with its next, or only "
        "the two that look most different, which tell more with every choice.",
    )  # fmt: skip
    alike_below: float = described(
        0.002, "Leave out pairs whose two pictures look the same: whose perceptual distance (DSSIM) lies below this; "
        "0 leaves out none. Nobody can tell pictures below 0.005 apart.", ge=0, le=1,
    )  # fmt: skip
    allow_tie: bool = described(True, "Offer the answer: about the same.")
    allow_both_bad: bool = described(True, "Offer the answer: both are bad.")
    allow_skip: bool = described(True, "Offer the answer: skip.")
    counted: Literal["people", "judges", "both"] = described("people", "Whose choices are trained on.")
    judge: str = described("", "The judge that answers by itself in a headless loop; empty for none.")
    evaluation_share: float = described(
        0.5, "Share of pairs dealt from open evaluation rounds while a preference round is open too.", ge=0, le=1
    )
    guidelines: str = described("", "What annotators read before their first pair, in Markdown.", long=True)
    consent: str = described(
        "", "Text that annotators must agree to first, in Markdown; empty asks for nothing.", long=True
    )
    requires_account: bool = described(False, "Ask annotators for an account; otherwise a name is enough.")
    warm_up: int = described(0, "Pairs answered first whose answers do not count.", unit="pairs", ge=0, le=50)
    gold_share: float = described(
        0.0, "Share of pairs with a known answer, shown to see whether someone looks.", ge=0, le=0.5
    )
    repeat_share: float = described(
        0.0, "Share of pairs shown again later with sides exchanged, to tell opinion from side.", ge=0, le=0.5
    )
    pause_below: float | None = described(
        None, "Pause an annotator whose share of right gold answers falls below this; empty never does.", gt=0, le=1
    )
    pause_after: int = described(10, "Gold answers before anyone is paused.", ge=1, le=1000)
    reasons: list[str] = described([], "Tags that annotators may pick after a choice to say why.")
    ask_comment: bool = described(False, "Offer a line of free text after a choice.")
    thank_you: bool = described(True, "Show annotators before and after pictures once a round of theirs has trained.")
    break_after: int = described(
        45, "Remind annotators to rest after so long without a break; 0: never.", unit="minutes", ge=0, le=600
    )
    score_with: list[str] = described(["jpeg_compressibility"], "Judges that score the evaluation pictures.")


class TrainingSettings(Block):
    """How D3PO turns the choices into the next adapter."""

    rank: int = described(4, "Rank of the LoRA matrices.", ge=1, le=256)
    lora_alpha: float = described(4.0, "LoRA scale is lora_alpha / rank.", gt=0, le=65_536)
    lora_layers: Literal["attention", "cross_attention", "last_up_block", "transformer"] = described(
        "attention", "Layers that are adapted: all attention, as in the paper; attention to the prompt alone, which "
        "learns more from few choices where the wish is about all of a picture; the last up block alone, "
        "which changes colour and texture and leaves what is drawn; or attention and the feed-forward layers beside "
        "it, which goes further in each step.",
    )  # fmt: skip
    learning_rate: float = described(3e-5, "AdamW learning rate, constant after the warm-up.", gt=0, le=1)
    warmup_steps: int = described(
        0, "The learning rate rises over so many steps where the optimizer begins afresh: until it has its moments, "
        "steps are mostly noise.", unit="steps", ge=0, le=100_000,
    )  # fmt: skip
    adam_beta1: float = described(0.9, "AdamW's first moment decay.", ge=0, lt=1)
    adam_beta2: float = described(0.999, "AdamW's second moment decay.", ge=0, lt=1)
    adam_epsilon: float = described(1e-8, "AdamW's epsilon.", gt=0, le=1)
    weight_decay: float = described(1e-4, "AdamW's weight decay.", ge=0, le=1)
    max_grad_norm: float | None = described(
        1.0, "The gradient of a step is clipped to this norm; empty does not clip.", gt=0, le=1000
    )
    optimizer_state: Literal["carry", "fresh"] = described(
        "carry", "Carry the optimizer's moments over from the checkpoint before, or begin afresh."
    )
    beta: float = described(0.1, "Temperature of the preference loss.", gt=0, le=100_000)
    clip: float | None = described(
        0.1, "Each log-ratio is clamped to log(1 ± clip), as in the paper's code; empty is plain D3PO.", gt=0, lt=1
    )
    reduction: Literal["mean", "sum"] = described(
        "mean", "How the Gaussian log-density is reduced over the latent's elements; beta and clip assume the mean."
    )
    ties: Literal["left_out", "trained"] = described(
        "left_out", "Whether pairs with p = 0.5 are trained on; the paper's code leaves them out."
    )
    reference: Literal["base", "sampled"] = described(
        "base", "The policy D3PO measures against: the base model, or the policy that sampled the round."
    )
    kl_weight: float = described(
        0.0, "Adds so much of the KL to the base, per latent element, to the loss (as DPOK does): it holds back what "
        "would change all pictures, and costs a third more time. 0 leaves it out.", ge=0, le=1000,
    )  # fmt: skip
    kl_power: float = described(
        1.0, "Power to which kl_weight takes the KL of each state: at 2 a policy near the base moves freely, and what "
        "has drifted far is held the harder.", ge=1, le=4,
    )  # fmt: skip
    kl_steps: Literal["trained", "more"] = described(
        "trained",
        "At which denoising steps kl_weight holds: those that are trained, or as many others of each pair "
        "too. With branch_steps nothing else holds these, and they drift the furthest.",
    )
    hold_out: bool = described(True, "Keep groups whose number ends in 9 out of training, to measure accuracy on.")
    inner_epochs: int = described(1, "Passes over the round's pairs.", ge=1, le=100)
    groups_per_step: int = described(1, "Groups whose mean gradient makes one optimizer step.", ge=1, le=4096)
    steps_per_pair: int | None = described(
        None, "Train a random subset of this many steps of each pair; empty trains all.", unit="steps", ge=1, le=1000
    )
    max_step_gain: float | None = described(
        3.0, "Leave out denoising steps whose gradient gain g_t lies above this; empty trains all steps.", gt=0, le=1000
    )
    micro_batch: int = described(
        16, "States (one sample at one step) that go through the model at once; guidance doubles them.",
        unit="states", ge=1, le=4096,
    )  # fmt: skip
    gradient_checkpointing: bool = described(False, "Recompute activations in the backward pass to save memory.")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = described(
        "auto", "Precision of the frozen weights in training; auto takes fp16 on an accelerator and fp32 on a CPU."
    )
    deterministic: bool = described(False, "Use deterministic kernels on CUDA, slower, so that a resume is bit-exact.")
    seed: int = described(0, "Seed of the adapter's first weights and of the step subsets.", ge=0)
    max_kl: float | None = described(
        None, "End a round's training early once KL to the policy that sampled, per latent element, passes this at a "
        "measurement; empty never does.", gt=0, le=1000,
    )  # fmt: skip
    measure_every: int = described(20, "Measure KL every so many optimizer steps; 0: never.", unit="steps", ge=0)
    measure_states: int = described(16, "Stored states over which KL is measured.", unit="states", ge=1, le=4096)
    resume_every: int = described(20, "Write a resume point every so many optimizer steps.", unit="steps", ge=1)

    @model_validator(mode="after")
    def _kl_is_measured(self) -> "TrainingSettings":
        if self.max_kl is not None and not self.measure_every:
            raise ValueError("max_kl needs KL to be measured: set measure_every to 1 or more")
        return self


class WatchingSettings(Block):
    """What is watched for while a study runs, and what it does by itself where that is found."""

    not_finite: Act = described(
        "warn", "Loss or gradient is not finite. Training stops itself in any case; stop also ends the rounds in a row."
    )
    kl: ActOrGoBack = described("warn", "KL runs away: training moves the policy further than pictures bear.")
    kl_base_above: float = described(
        0.3, "How far from the base model is too far, as KL per latent element.", gt=0, le=1000
    )
    kl_round_above: float = described(
        0.15, "How far from the policy that sampled is too far within one round, as KL per latent element.",
        gt=0, le=1000,
    )  # fmt: skip
    clamped: Act = described("warn", "Training has all but stopped: pairs past the clamp give no gradient.")
    clamped_above: float = described(0.5, "Share of the newest pairs with both sides past the clamp.", ge=0, lt=1)
    accuracy: Act = described("warn", "Accuracy is stuck at one half: choices are foretold no better than by chance.")
    accuracy_pairs: int = described(
        1000, "Pairs over which accuracy is taken before that is said; with fewer it says little.", unit="pairs",
        ge=10, le=1_000_000,
    )  # fmt: skip
    collapse: ActOrGoBack = described("warn", "Pictures collapse: those of one prompt become alike.")
    diversity_below: float = described(
        0.6, "How different pictures of one prompt must stay, as a share of how different the base model's are.",
        gt=0, le=1,
    )  # fmt: skip
    saturation: ActOrGoBack = described("warn", "Saturation, brightness or sharpness of the pictures runs away.")
    looks_factor: float = described(
        1.5, "So many times the base model's, or so many times less, is too much.", gt=1, le=100
    )
    drift: ActOrGoBack = described("warn", "A judge's scores and people's choices drift apart.")
    drift_pairs: int = described(50, "Choices of people by which that is told.", unit="choices", ge=10, le=1_000_000)
    alike: Act = described("warn", "Too many pairs look the same, which wastes clicks.")
    alike_distance: float = described(
        0.01, "Perceptual distance (DSSIM) below which two pictures count as looking the same.", gt=0, le=1
    )
    alike_share: float = described(0.2, "Share of a round's pairs that may look the same.", ge=0, lt=1)


class StudySettings(Block):
    sampling: SamplingSettings = SamplingSettings()
    labeling: LabelingSettings = LabelingSettings()
    training: TrainingSettings = TrainingSettings()
    watching: WatchingSettings = WatchingSettings()

    @model_validator(mode="after")
    def _subset_fits(self) -> "StudySettings":
        subset = self.training.steps_per_pair
        if subset is not None and subset > self.sampling.steps:
            raise ValueError(f"steps_per_pair ({subset}) is more than the sampler's steps ({self.sampling.steps})")
        return self

    @model_validator(mode="after")
    def _windows_fit(self) -> "StudySettings":
        length, steps, start = self.sampling.branch_steps, self.sampling.steps, self.sampling.branch_from
        if length is None:
            return self
        if length >= steps:
            raise ValueError(f"branch_steps ({length}) must lie below the sampler's steps ({steps})")
        latest = steps - max(steps // 2, length)
        if start > latest:
            raise ValueError(f"branch_from ({start}) must be {latest} or less, so that windows of half the steps fit")
        return self

    @model_validator(mode="after")
    def _what_stops_is_measured(self) -> "StudySettings":
        if self.watching.kl in ("stop", "go_back") and not self.training.measure_every:
            raise ValueError("to stop by KL it has to be measured: set training.measure_every to 1 or more")
        return self


def validated(values: Json) -> StudySettings:
    """The settings in `values`; raises `BadInput` that names each field that cannot be used, and why."""
    try:
        return StudySettings.model_validate(values)
    except ValidationError as error:
        fields = {".".join(str(part) for part in p["loc"]) or "settings": _said(p["msg"]) for p in error.errors()}
        named = "; ".join(f"{name}: {problem}" for name, problem in fields.items())
        raise BadInput(
            f"These settings cannot be used: {named}.", "Correct the named fields; `docs/settings.md` lists all.",
            fields=fields,
        ) from error  # fmt: skip


def merged(settings: StudySettings, changes: Json) -> StudySettings:
    """`settings` with the blocks' fields in `changes` put over them, checked again as a whole."""
    values = settings.model_dump()
    for block, fields in changes.items():
        values[block] = {**values.get(block, {}), **fields} if isinstance(fields, dict) else fields
    return validated(values)


def preset_names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_preset(name: str) -> tuple[StudySettings, str]:
    """The preset's settings and the SHA-256 of its file, which holds only what differs from the defaults."""
    if name not in preset_names():
        raise BadInput(f"There is no preset {name!r}.", f"Take one of: {', '.join(preset_names())}.")
    content = (PRESETS / f"{name}.toml").read_bytes()
    return validated(tomllib.loads(content.decode())), hashlib.sha256(content).hexdigest()


def _said(message: str) -> str:
    return {"Extra inputs are not permitted": "there is no such setting"}.get(message, message)
