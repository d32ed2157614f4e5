"""What an annotator sees and says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tastemaker.client.shapes.words import Answer, Side


@dataclass(frozen=True)
class Me:
    """The token's owner."""

    id: int
    name: str
    role: Literal["annotator", "researcher", "admin"]


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
