"""Scorings: a judge sent through a study's pictures by the site's worker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tastemaker.client.errors import ScoringFailed
from tastemaker.client.http import Http
from tastemaker.client.shapes import JobState, Queue
from tastemaker.client.waiting import done


@dataclass(frozen=True)
class Scoring:
    """A judge's way through the pictures of a study, or of one round: `done` of `total` have its score, `scored` of
    them by this scoring; `unreadable` counts those whose file was gone or damaged."""

    id: int
    study: int
    round: int | None
    judge: str
    queue: Queue
    state: JobState
    error: str | None
    done: int
    total: int
    seconds_left: float | None
    scored: int
    unreadable: int
    created_at: datetime
    ended_at: datetime | None


class Scorings:
    """`client.scorings`; what comes of them is told by `client.judges` and `client.studies.scores`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def ask(self, study: int, judge: str, *, round: int | None = None, key: str | None = None) -> Scoring:
        """Have a judge score the pictures of a study, or of one round by its id; what has its score keeps it. The same
        `key` again gives the scoring that was asked for first. Raises `Conflict` while the judge is at them."""
        body = {"judge": judge, "round": round}
        return self._http.one(Scoring, "POST", f"/studies/{study}/scorings", body=body, key=key)

    def all(self, study: int) -> Iterator[Scoring]:
        """A study's scorings, newest first."""
        return self._http.pages(Scoring, f"/studies/{study}/scorings")

    def get(self, scoring: int) -> Scoring:
        return self._http.one(Scoring, "GET", f"/scorings/{scoring}")

    def stop(self, scoring: int) -> Scoring:
        """Call it off; what it has scored stays."""
        return self._http.one(Scoring, "POST", f"/scorings/{scoring}/stop")

    def again(self, scoring: int) -> Scoring:
        """Let one go on that failed or was stopped; one that is done scores what is new."""
        return self._http.one(Scoring, "POST", f"/scorings/{scoring}/again")

    def wait(
        self, scoring: int, *, on_progress: Callable[[Scoring], None] = lambda now: None,
        timeout: float | None = None, every: float = 1.0,
    ) -> Scoring:  # fmt: skip
        """Wait until it is done; `on_progress` sees it each time. Raises `ScoringFailed`, `TimeoutError`."""
        return done(
            f"Scoring {scoring}", lambda: self.get(scoring), ScoringFailed,
            on_progress=on_progress, timeout=timeout, every=every,
        )  # fmt: skip
