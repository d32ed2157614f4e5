"""Studies, and the prompts and base models behind them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tastemaker.client.shapes.rounds import Round
from tastemaker.client.shapes.words import Json


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
