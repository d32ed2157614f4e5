"""Checkpoints, and what leaves the site: files, pushes, exports."""

from dataclasses import dataclass
from datetime import datetime

from tastemaker.client.shapes.rounds import Score
from tastemaker.client.shapes.words import JobState, Json, Rounds


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
