"""Judges that workers have installed, and how far they say what people say."""

from collections.abc import Iterator
from dataclasses import dataclass

from tastemaker.client.http import Http
from tastemaker.client.shapes import Queue, RoundKind


@dataclass(frozen=True)
class KnownJudge:
    """A judge that some worker has installed, and the queue whose workers score with it."""

    name: str
    about: str
    unit: str
    larger_is_better: bool
    queue: Queue


@dataclass(frozen=True)
class JudgedShare:
    """A share of so many pairs with its interval of 95 %; None where nothing was counted."""

    value: float | None
    low: float
    high: float
    of: int


@dataclass(frozen=True)
class Correlation:
    """A correlation with its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Cell:
    """Pairs of which the judge holds one picture the better and people hold one: `first`, `tie` or `second`."""

    judge: str
    people: str
    pairs: int


@dataclass(frozen=True)
class JudgeAgreement:
    """A judge beside people: how often it says the same, and how its score differences go with their preference."""

    judge: str
    unit: str
    larger_is_better: bool
    pairs: int
    accuracy: JudgedShare
    pearson: Correlation | None
    spearman: Correlation | None
    table: list[Cell]


@dataclass(frozen=True)
class RoundAgreement(JudgeAgreement):
    """A judge beside people in one round."""

    round: int
    kind: RoundKind
    number: int


@dataclass(frozen=True)
class Step:
    """Pairs whose scores lie about equally far apart (in the judge's unit), and how often people prefer the judge's
    better picture."""

    difference: float
    preferred: JudgedShare


@dataclass(frozen=True)
class Dispute:
    """A pair on which judge and people disagree. `first` and `second` are samples, which `client.samples.image` loads;
    `p` is people's preference for the first."""

    pair: int
    round: int
    prompt: str
    first: int
    second: int
    first_score: float | None
    second_score: float | None
    p: float
    choices: int


class Judges:
    """`client.judges`. A `judge` is given by its name; a `round` by its id, and without one all rounds are meant."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self) -> list[KnownJudge]:
        """Those that a worker told of within 30 days."""
        return self._http.many(KnownJudge, "/judges")

    def agreement(self, study: int, *, round: int | None = None) -> list[JudgeAgreement]:
        """Every judge that has scored pictures which people chose between, the one that is right most often first."""
        return self._http.many(JudgeAgreement, f"/studies/{study}/agreement", round=round)

    def by_round(self, study: int, judge: str) -> Iterator[RoundAgreement]:
        """A judge round by round, the newest first."""
        return self._http.pages(RoundAgreement, f"/studies/{study}/agreement/rounds", judge=judge)

    def calibration(self, study: int, judge: str, *, round: int | None = None) -> list[Step]:
        """How often people agree with a judge, by how far its scores lie apart; the smallest differences first."""
        return self._http.many(Step, f"/studies/{study}/agreement/calibration", judge=judge, round=round)

    def disputes(self, study: int, judge: str, *, round: int | None = None, limit: int = 20) -> list[Dispute]:
        """Pairs on which a judge and people disagree most, 100 at most."""
        return self._http.many(Dispute, f"/studies/{study}/agreement/disputes", judge=judge, round=round, limit=limit)
