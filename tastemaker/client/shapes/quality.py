"""How good a study's labels are, annotator by annotator. None is what was never measured."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Share:
    """`part` of `of`, with its interval of 95 %."""

    part: int
    of: int
    value: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Times:
    """Response times: their median in ms, how many are under 300 ms (`hasty`), how many are outliers."""

    median_ms: float
    hasty: int
    fast: int
    slow: int


@dataclass(frozen=True)
class Repeats:
    """Pairs shown again with their sides exchanged: answered as before, by the side of the screen, or otherwise."""

    same: int
    same_side: int
    otherwise: int


@dataclass(frozen=True)
class WithOthers:
    """The share of the others' answers on the same pairs that said the same."""

    share: float
    pairs: int


@dataclass(frozen=True)
class Numbers:
    """One annotator's numbers in a study."""

    user: int
    name: str
    is_judge: bool
    choices: int
    answers: dict[str, int]
    extra: int
    late: int
    per_hour: float | None
    times: Times | None
    gold: Share
    repeats: Repeats
    left: Share
    agreement: WithOthers | None
    last_at: datetime | None


@dataclass(frozen=True)
class Participation:
    """Whether someone is dealt pairs, and whether their choices count. Paused by None: by the study's own rule."""

    paused_at: datetime | None
    paused_reason: str | None
    paused_by: str | None
    left_out_at: datetime | None


@dataclass(frozen=True)
class Annotator(Numbers, Participation):
    """An annotator as admins see them."""


@dataclass(frozen=True)
class Quality:
    """How good a study's labels are: Krippendorff's alpha of all people, and everyone's own numbers."""

    alpha: float | None
    alpha_pairs: int
    annotators: list[Annotator]
