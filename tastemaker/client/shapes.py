"""What a site tells, as frozen records. Fields have the API's names; `/api/v1/openapi.json` describes each.

A number of a checkpoint counts within its study, 0 or None being the base model; an id is known to the whole site.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

RoundKind = Literal["preference", "evaluation", "imported"]
RoundState = Literal["generating", "labeling", "training", "complete", "cancelled"]
Hold = Literal["none", "paused", "failed"]
Sampler = Literal["study", "ddim"]
Answer = Literal["first", "second", "tie", "both_bad", "skip"]
RunState = Literal["waiting", "running", "finished", "failed", "cancelled"]
Side = Literal["first", "second"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
Format = Literal["diffusers", "kohya", "peft"]
Rounds = Literal["preference", "evaluation", "all"]
Json = dict[str, Any]


@dataclass(frozen=True)
class Me:
    """The token's owner."""

    id: int
    name: str
    role: Literal["annotator", "researcher", "admin"]


@dataclass(frozen=True)
class Round:
    """A round, with how many of its pairs have their choices."""

    id: int
    study: int
    kind: RoundKind
    number: int
    state: RoundState
    hold: Hold
    hold_reason: str | None
    groups: int
    groups_drawn: int
    pairs: int
    pairs_closed: int
    choices: int
    policy: int | None
    other_policy: int | None
    sampler: Sampler | None
    made: int | None
    launched_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class RoundDetail(Round):
    """A round with its settings, and the moves that it offers now."""

    moves: list[str]
    settings: Json


@dataclass(frozen=True)
class Run:
    """A training run of a round."""

    id: int
    number: int
    state: RunState
    pairs: int
    steps_done: int
    checkpoint: int | None
    settings: Json
    summary: Json


@dataclass(frozen=True)
class Score:
    """A judge's mean over a policy's evaluation pictures of one sampler, in the judge's unit."""

    judge: str
    sampler: Sampler
    mean: float
    deviation: float
    count: int


@dataclass(frozen=True)
class Metrics:
    """A training run with all that was measured, optimizer step by optimizer step."""

    run: Run
    scores: list[Score]
    steps: list[Json]


@dataclass(frozen=True)
class Comparison:
    """What people said in an evaluation round, seen from `policy`."""

    round: int
    policy: int | None
    other_policy: int | None
    sampler: Sampler
    wins: int
    other_wins: int
    ties: int
    both_bad: int
    skips: int
    rate: float | None
    low: float
    high: float
    verdict: str
    more: int | None


@dataclass(frozen=True)
class Study:
    """A study as a list shows it."""

    id: int
    name: str
    question: str
    base_model: str
    current_checkpoint: int | None
    auto_rounds: int
    rounds: int
    checkpoints: int
    choices: int
    created_at: datetime
    archived_at: datetime | None
    open_rounds: list[Round]


@dataclass(frozen=True)
class Model:
    """The base model of a study."""

    name: str
    source: str
    revision: str
    family: str
    prediction_type: str
    token_limit: int
    image_size: int
    files: Json


@dataclass(frozen=True)
class Prompt:
    number: int
    text: str
    split: Literal["train", "eval", "both"]
    over_limit: bool


@dataclass(frozen=True)
class StudyDetail(Study):
    """A study with its model, prompts, settings and all its rounds, newest first."""

    model: Model
    prompts: list[Prompt]
    preset: str
    seed: int
    settings: Json
    all_rounds: list[Round]


@dataclass(frozen=True)
class Estimate:
    """What one round would take; None where nothing was measured yet."""

    samples: int
    pairs: int
    choices: int
    optimizer_steps: int
    evaluation_pictures: int | None
    trajectory_bytes: int | None
    kept_trajectory_bytes: int | None
    picture_bytes: float | None
    draw_seconds: float | None
    evaluation_seconds: float | None
    train_seconds: float | None
    machine_seconds: float | None
    people_seconds: float | None


@dataclass(frozen=True)
class StudyWarning:
    """A kind of trouble that was found, with the figures behind it."""

    id: int
    name: str
    title: str
    says: str
    helps: str
    figures: Json
    round: int
    run: int | None
    checkpoint: int | None
    raised_at: datetime
    stopped_at: datetime | None
    went_back_at: datetime | None
    went_back_to: int | None


@dataclass(frozen=True)
class Share:
    """`part` of `of`, with its interval of 95 %."""

    part: int
    of: int
    low: float
    high: float


@dataclass(frozen=True)
class Numbers:
    """One annotator's numbers in a study; None what was never measured."""

    user: int
    name: str
    is_judge: bool
    choices: int
    answers: dict[str, int]
    extra: int
    late: int
    per_hour: float | None
    gold: Share
    left: Share
    last_at: datetime | None


@dataclass(frozen=True)
class Quality:
    """How good a study's labels are: Krippendorff's alpha of all people, and everyone's own numbers."""

    alpha: float | None
    alpha_pairs: int
    annotators: list[Numbers]


@dataclass(frozen=True)
class GridPicture:
    """One policy's evaluation picture; its file is sample `sample`."""

    policy: int
    sample: int
    width: int
    height: int


@dataclass(frozen=True)
class GridRow:
    """One prompt at one noise, with the pictures that are drawn by now."""

    prompt: int
    text: str
    draw: int
    pictures: list[GridPicture]


@dataclass(frozen=True)
class Mean:
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PolicyScore:
    """A judge's mean of one policy and sampler, and its paired difference to the base."""

    number: int
    checkpoint: int | None
    sampler: Sampler
    pictures: int
    score: Mean
    difference: Mean | None
    paired: int
    better: bool | None


@dataclass(frozen=True)
class JudgeScores:
    judge: str
    unit: str | None
    larger_is_better: bool | None
    policies: list[PolicyScore]


@dataclass(frozen=True)
class Policy:
    number: int
    checkpoint: int | None


@dataclass(frozen=True)
class Standing(Policy):
    """A policy's place by people's blind comparisons (Bradley and Terry)."""

    place: int
    strength: float
    low: float | None
    high: float | None
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    open: str
    choices: int


@dataclass(frozen=True)
class Ranking:
    choices: int
    standings: list[Standing]
    apart: list[Policy]


@dataclass(frozen=True)
class Checkpoint:
    """A trained LoRA as a list shows it."""

    id: int
    study: int
    number: int
    parent: int | None
    round: int
    round_number: int
    run_number: int
    pairs: int
    is_current: bool
    created_at: datetime
    adapter_sha256: str


@dataclass(frozen=True)
class File:
    """One form of a checkpoint's LoRA. `size` is in bytes."""

    format: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class CheckpointDetail(Checkpoint):
    """A checkpoint with its files, its scores and everything that went into it."""

    files: list[File]
    scores: list[Score]
    provenance: Json
    training: Json
    sampling: Json
    training_set_sha256: str


@dataclass(frozen=True)
class Push:
    """A checkpoint on its way to the Hugging Face hub; `done` of `total` bytes. `url` and `commit` are there once it
    has arrived, and `private` is from then on what the repository is."""

    id: int
    study: int
    checkpoint: int
    repo: str
    private: bool
    provenance: bool
    state: JobState
    error: str | None
    done: int
    total: int
    seconds_left: float | None
    url: str | None
    commit: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Export:
    """A file of a study's data, or how far it is. Size, SHA-256 and rows are there once it is done."""

    id: int
    study: int
    format: str
    rounds: Rounds
    state: JobState
    error: str | None
    done: int
    total: int
    seconds_left: float | None
    size: int | None
    sha256: str | None
    rows: int | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Images:
    """Addresses of the two pictures, by the side of the screen."""

    left: str
    right: str


@dataclass(frozen=True)
class Pair:
    """One pair on lease to the caller. `left` says which of the pair stands on the left."""

    pair: int
    lease: int
    prompt: str
    left: Side
    images: Images
    width: int
    height: int
    answers: list[Answer]
    expires_at: datetime
    warm_up: bool


@dataclass(frozen=True)
class Next:
    """The caller's pairs. Without any, `reason` says why; None while more are being drawn."""

    pairs: list[Pair]
    reason: Literal["done", "held", "paused"] | None
    message: str | None
    until: datetime | None
    waiting: int


@dataclass(frozen=True)
class Choice:
    """An answer of the caller's. `key` is what undoes or explains it."""

    pair: int
    choice: Answer
    key: str
    late: bool
    extra: bool


@dataclass(frozen=True)
class Before:
    """What a study asks of the caller before the first pair; `step` is None where pairs can be had."""

    step: str | None
    guidelines: str
    guidelines_version: str
    consent: str
    consent_version: str
    agreed_at: datetime | None


@dataclass(frozen=True)
class Event:
    """One row of the history. No actor: the system itself."""

    id: int
    at: datetime
    actor_id: int | None
    actor: str | None
    what: str
    object_type: str
    object_id: int
    study_id: int | None
    round_id: int | None
    details: Json


@dataclass(frozen=True)
class BaseModel:
    """A pipeline that studies can start from."""

    id: int
    name: str
    source: str
    revision: str
    family: str
    prediction_type: str
    token_limit: int
    image_size: int
    bytes: int
    files: Json
    studies: int
    measured: Json
    checked_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class ModelCheck:
    """A check of a base model: `checking`, then `ready` with its base model, or `refused` with the reason."""

    id: int
    name: str
    source: str
    revision: str
    state: Literal["checking", "ready", "refused"]
    reason: str | None
    base_model: int | None
    measured: Json
    created_at: datetime
    ended_at: datetime | None
