"""Rounds: launched, moved, watched, measured."""

from pathlib import Path
from typing import Any

from tastemaker.client.http import Http
from tastemaker.client.reading import read
from tastemaker.client.shapes import Comparison, Metrics, RoundDetail, Run, Sampler, Score
from tastemaker.client.studies import Settings
from tastemaker.client.waiting import Ready, until

OVER = ("complete", "cancelled")


class Rounds:
    """`client.rounds`. Launching and moving one needs an admin's token."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def launch(
        self, study: int, *, pairs: int | None = None, settings: Settings | None = None, key: str | None = None
    ) -> RoundDetail:
        """A preference round. The same `key` again gives the round that was launched first."""
        body = {"pairs": pairs, "settings": settings or {}}
        return self._http.one(RoundDetail, "POST", f"/studies/{study}/rounds", body=body, key=key)

    def compare(
        self, study: int, checkpoint: int | None, other: int | None = None, *, sampler: Sampler = "study",
        pairs: int | None = None, choices_per_pair: int | None = None, key: str | None = None,
    ) -> RoundDetail:  # fmt: skip
        """A blind comparison of two policies, by the ids of their checkpoints; None is the base model."""
        body = {
            "kind": "evaluation", "checkpoint": checkpoint, "other_checkpoint": other, "sampler": sampler,
            "pairs": pairs, "choices_per_pair": choices_per_pair,
        }  # fmt: skip
        return self._http.one(RoundDetail, "POST", f"/studies/{study}/rounds", body=body, key=key)

    def get(self, round: int) -> RoundDetail:
        return self._http.one(RoundDetail, "GET", f"/rounds/{round}")

    def pause(self, round: int) -> RoundDetail:
        return self._move(round, "pause")

    def resume(self, round: int) -> RoundDetail:
        return self._move(round, "resume")

    def advance(self, round: int) -> RoundDetail:
        """Train with the choices there are; a comparison ends."""
        return self._move(round, "advance")

    def cancel(self, round: int) -> RoundDetail:
        return self._move(round, "cancel")

    def retry(self, round: int, *, training: dict[str, Any] | None = None) -> RoundDetail:
        """Go on where a round failed; with `training`, a new run with these settings on the same choices."""
        return self._move(round, "retry", body=None if training is None else {"training": training})

    def redraw(self, round: int, *, job: int | None = None) -> RoundDetail:
        """Draw again what was put aside: the chunk of one job, or all."""
        return self._move(round, "redraw", body={"job": job})

    def train_again(self, round: int) -> RoundDetail:
        """Train a complete round once more, from its choices as they are now."""
        return self._move(round, "train-again")

    def wait(
        self, round: int, *, ready: Ready[RoundDetail] | None = None, timeout: float | None = None, every: float = 2.0
    ) -> RoundDetail:
        """Wait until `ready(round)`; without, until it is over or stands still. Raises `TimeoutError`."""
        over: Ready[RoundDetail] = ready or (lambda now: now.state in OVER or now.hold != "none")
        return until(lambda: self.get(round), over, timeout=timeout, every=every)

    def comparison(self, round: int) -> Comparison:
        """What a blind comparison has found."""
        return self._http.one(Comparison, "GET", f"/rounds/{round}/comparison")

    def metrics(self, round: int, *, run: int | None = None) -> Metrics:
        """All that was measured in a training run, by its number in the round; without, the newest."""
        pages = list(self._http.whole_pages(f"/rounds/{round}/metrics", run=run))
        return Metrics(
            run=read(Run, pages[-1]["run"]),
            scores=[read(Score, score) for score in pages[-1]["scores"]],
            steps=[step for page in pages for step in page["items"]],
        )

    def tensorboard(self, round: int, folder: Path | str = ".", *, run: int | None = None) -> Path:
        """Write the metrics of a training run into `folder`, as a file that TensorBoard reads there."""
        return self._http.save(f"/api/v1/rounds/{round}/metrics/events", folder, params={"run": run})

    def _move(self, round: int, move: str, body: Any = None) -> RoundDetail:
        return self._http.one(RoundDetail, "POST", f"/rounds/{round}/{move}", body=body)
