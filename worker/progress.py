"""How far a job is, written at most once a second."""

import time
from collections.abc import Callable

from app.db import transaction
from app.services import jobs
from app.services.jobs import Claim

SECONDS_BETWEEN = 1.0


class Progress:
    """Stores `done` of `total` of one attempt and its speed, measured from the first call on."""

    def __init__(self, claim: Claim, unit: str) -> None:
        self._claim = claim
        self._unit = unit
        self._began: tuple[float, int] | None = None
        self._said = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Note how far it is. Raises `LostJob`."""
        now = time.monotonic()
        self._began = self._began or (now, done)
        if now - self._said < SECONDS_BETWEEN and done < total:
            return
        self._said = now
        began, first = self._began
        speed = (done - first) / (now - began) if now > began else 0.0
        with transaction() as session:
            jobs.progress(session, self._claim, done=done, total=total, unit=self._unit, per_second=speed)

    def of_samples(self, samples: int) -> Callable[[int, int], None]:
        """The library's denoising steps as so many samples drawn: what people count."""
        return lambda done, total: self(done * samples // total, samples)
