"""The rounds of the headless loop, one after the other, each evaluated before the next is launched."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import Refused
from app.models import Hold, Job, JobState, RoundState, Study
from app.services import accounts, demo, evaluation, rounds, studies, study_files, sweep, watching
from app.services.troubles import BY_NAME, in_english
from app.settings import Settings
from worker.judges import Judge
from worker.loop.answering import Answering
from worker.loop.figures import Line, checkpoint_of_round, line
from worker.loop.own_worker import OwnWorker

PAUSE_S = 0.3


@dataclass(frozen=True)
class Plan:
    """What to run: `rounds` rounds of `pairs` groups each, on the demo model or on the study in a file."""

    judge: Judge
    rounds: int
    pairs: int
    seed: int
    study_file: Path | None = None


class Loop:
    """One study, run by a judge. Make it where the database answers and a worker is there."""

    def __init__(self, plan: Plan, settings: Settings, worker: OwnWorker) -> None:
        self.plan = plan
        self._worker = worker
        with transaction() as session:
            user = accounts.judge(session, name=plan.judge.name)
            self.study = self._make_study(session)
        self._answering = Answering(plan.judge, user, self.study.id, Artifacts(settings.artifacts))

    def lines(self) -> Iterator[Line]:
        """The base, then each round when its checkpoint is evaluated. Raises `Refused` where a round fails, or the
        study stops itself."""
        yield self._base()
        for number in range(1, self.plan.rounds + 1):
            yield self._round(number)
            self._refuse_where_stopped()

    def _base(self) -> Line:
        began = time.monotonic()
        self._wait_for_pictures(None)
        return self._line(0, None, None, time.monotonic() - began)

    def _round(self, number: int) -> Line:
        began = time.monotonic()
        with transaction() as session:
            round_id = rounds.launch(session, study_id=self.study.id, pairs=self.plan.pairs, actor=None).id
        self._wait_until(lambda: self._is_complete(round_id))
        with transaction() as session:
            checkpoint_id = checkpoint_of_round(session, round_id).id
        self._wait_for_pictures(checkpoint_id)
        return self._line(number, round_id, checkpoint_id, time.monotonic() - began)

    def _line(self, number: int, round_id: int | None, checkpoint_id: int | None, wall: float) -> Line:
        with transaction() as session:
            return line(
                session, study_id=self.study.id, judge=self.plan.judge.name, number=number, round_id=round_id,
                checkpoint_id=checkpoint_id, wall=wall,
            )  # fmt: skip

    def _is_complete(self, round_id: int) -> bool:
        self._answering.answer_waiting()
        with transaction() as session:
            round_ = rounds.get(session, round_id)
        if round_.hold is Hold.FAILED or round_.state is RoundState.CANCELLED:
            raise Refused(f"Round {round_.number} ended: {round_.hold_reason or 'it was cancelled'}")
        if round_.hold is Hold.PAUSED:
            self._refuse_where_stopped()
        return round_.state is RoundState.COMPLETE

    def _refuse_where_stopped(self) -> None:
        """Raises `Refused` where the study stopped itself on a warning."""
        with transaction() as session:
            watching.look(session, self.study.id)
        with transaction() as session:
            warning = watching.stopped_by(session, self.study.id)
            if warning is not None:
                trouble = BY_NAME[warning.name]
                raise Refused(f"The study stopped itself: {trouble.title}. {in_english(trouble, warning.figures)}")

    def _wait_for_pictures(self, checkpoint_id: int | None) -> None:
        with transaction() as session:
            study = studies.get(session, self.study.id)
            job_id = evaluation.plan(session, study, checkpoint_id=checkpoint_id).id
        self._wait_until(lambda: _is_done(job_id))

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        """Make the moves that are due until `reached`: the site's sweep may not run, and this one is quicker."""
        while not reached():
            self._worker.look_after()
            sweep.sweep()
            time.sleep(PAUSE_S)

    def _make_study(self, session: Session) -> Study:
        name = self.plan.judge.name
        labeling = {"counted": "judges", "judge": name, "choices_per_pair": 1}
        if self.plan.study_file is None:
            settings: dict[str, object] = {"labeling": {**labeling, "score_with": [name]}}
            title = f"{name}, seed {self.plan.seed}"
            return demo.create(session, seed=self.plan.seed, name=title, settings=settings)
        draft = study_files.read(self.plan.study_file)
        own = draft.settings.get("labeling", {})
        scores = list(dict.fromkeys([name, *own.get("score_with", [])]))
        blocks = {**draft.settings, "labeling": {**own, **labeling, "score_with": scores}}
        return study_files.store(session, replace(draft, settings=blocks, seed=self.plan.seed), actor=None)


def _is_done(job_id: int) -> bool:
    with transaction() as session:
        job = session.get_one(Job, job_id)
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        raise Refused(f"The evaluation pictures could not be drawn. {job.error or ''}".strip())
    return job.state is JobState.DONE
