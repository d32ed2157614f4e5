"""Rounds, their training runs and what came of them."""

from dataclasses import dataclass
from datetime import datetime

from tastemaker.client.shapes.words import Hold, Json, RoundKind, RoundState, RunState, Sampler


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
