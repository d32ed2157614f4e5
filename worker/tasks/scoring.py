"""A judge goes through the pictures of a study or of a round, some at a time. What it has said is stored as it goes, so
that a stop costs one batch at most, and whoever takes the job next goes on from there. Needs no torch of its own."""

import time

import structlog

from app.db import transaction
from app.models import JobState
from app.services import jobs, scorings
from app.services.scorings import Part, Task
from worker import judging
from worker.attempt import Attempt
from worker.judges import Judge
from worker.measuring import AT_ONCE, score_some
from worker.progress import Progress

SLICE = 1000  # pictures whose names are read at once

log = structlog.get_logger(__name__)


def run(held: Attempt) -> None:
    """Score what has no score yet. Raises `StoppedError` where it is told to stop, `JudgeError` where it cannot."""
    with transaction() as session:
        task = scorings.of_job(session, held.claim)
        done, total = scorings.counts(session, task)
    judge = judging.ready(task.judge)
    log.info("scoring", judge=judge.name, pictures=total, scored_before=done)
    began, progress = time.monotonic(), held.progress("samples")
    progress(done, total)
    walk = _Walk(held, task, judge, progress, done, total)
    for part in task.parts:
        walk.through(part)
    with transaction() as session:
        jobs.end(jobs.held(session, held.claim), JobState.DONE)
    log.info("scored", pictures=walk.done - done, unreadable=walk.unreadable, seconds=time.monotonic() - began)


class _Walk:
    """One judge on its way through the parts of its task."""

    def __init__(self, held: Attempt, task: Task, judge: Judge, progress: Progress, done: int, total: int) -> None:
        self.done, self.unreadable = done, 0
        self._held, self._task, self._judge = held, task, judge
        self._progress, self._total = progress, total

    def through(self, part: Part) -> None:
        """Score the part's pictures, and let what rests on them be counted, also where it is stopped within."""
        before = self.done
        try:
            self._score(part)
        finally:
            if self.done > before and not self._held.is_lost():
                with transaction() as session:
                    scorings.part_scored(session, self._task, part)

    def _score(self, part: Part) -> None:
        after = 0
        while True:
            with transaction() as session:
                waiting = scorings.unscored(session, self._task, part, after=after, limit=SLICE)
            if not waiting:
                return
            after = waiting[-1].sample_id
            for start in range(0, len(waiting), AT_ONCE):
                some = waiting[start : start + AT_ONCE]
                values = score_some(self._held, self._judge, some)
                unreadable = len(some) - len(values)
                with transaction() as session:
                    scorings.store(session, self._held.claim, self._task, values, unreadable=unreadable)
                self.done, self.unreadable = self.done + len(values), self.unreadable + unreadable
                self._progress(self.done, self._total)
