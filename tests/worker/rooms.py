"""A small study on the demo model, and a worker inside the test's own process: what the tests of tasks share."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.db import transaction
from app.models import Answer, Job, JobKind, Pair, Queue, Round, Sample, Study, TrainingRun
from app.services import accounts, base_models, choices, dealing, prompt_sets, round_moves, rounds, studies
from app.services.jobs import Claim
from app.settings import get_settings
from worker.attempt import Attempt, attempt
from worker.claims import Identity, due_jobs
from worker.shutdown import ShutdownFlag
from worker.tasks import run

HERE = Identity("here", Queue.ACCELERATOR)
PROMPTS = "both: cat face\ntrain: owl\neval: horse"
TINY: dict[str, dict[str, Any]] = {
    "sampling": {
        "steps": 3,
        "groups": 2,
        "samples_per_group": 2,
        "branch_from": 0,
        "antithetic": False,
        "eval_draws": 1,
        "batch": 4,
        "chunk_groups": 2,
    },
    "labeling": {"counted": "judges", "pairs_shown": "all"},
    "training": {"learning_rate": 1e-3, "hold_out": False, "measure_every": 0, "resume_every": 1},
}


def make_study(demo_model: Path, **changes: dict[str, Any]) -> Study:
    """A study of two groups a round and two evaluation prompts; `changes` go over its settings, by block."""
    settings = {block: {**TINY.get(block, {}), **changes.get(block, {})} for block in {**TINY, **changes}}
    with transaction() as session:
        model = base_models.register(session, source=str(demo_model), actor=None)
        prompts = prompt_sets.create(session, name="Prompts", prompts=prompt_sets.parse(PROMPTS), actor=None)
        return studies.create(
            session, name="Tiny", question="Which?", base_model_id=model.id, prompt_set_id=prompts.id,
            preset="demo", settings=settings, seed=5, actor=None,
        )  # fmt: skip


def launch(study: Study) -> Round:
    with transaction() as session:
        return rounds.launch(session, study_id=study.id, actor=None)


def work_off(
    work: Callable[[Attempt], None] = run, *, flag: ShutdownFlag | None = None, most: int = 100
) -> list[Claim]:
    """Be the worker until no job is due: the claims it had, at most so many."""
    flag = flag or ShutdownFlag()
    done: list[Claim] = []
    for claim in due_jobs(HERE, flag):
        done.append(claim)
        attempt(claim, flag, work)
        if len(done) == most:
            break
    return done


def draw_round(study: Study) -> Round:
    """Launch a round and draw all of it; evaluation pictures come after that."""
    round_ = launch(study)
    with transaction() as session:
        chunks = session.scalars(select(Job.id).where(Job.round_id == round_.id)).all()
    work_off(most=len(chunks))
    return round_


def answer_all(study: Study, answer: Answer = Answer.FIRST) -> int:
    """Answer every open pair of the study as a judge: how many."""
    with transaction() as session:
        judge = accounts.judge(session, name="tester")
    answered = 0
    while True:
        with transaction() as session:
            pairs = dealing.deal(session, study_id=study.id, user=judge, count=5).pairs
            for pair in pairs:
                choices.record(
                    session, pair_id=pair.pair_id, user=judge, answer=answer, key=uuid.uuid4(),
                    lease_id=pair.lease_id, response_ms=None,
                )  # fmt: skip
        answered += len(pairs)
        if not pairs:
            return answered


def begin_training(study: Study) -> Round:
    """A round drawn and answered, whose training run waits for a worker."""
    round_ = draw_round(study)
    answer_all(study)
    with transaction() as session:
        assert round_moves.settle(session, round_.id)
    return round_


def samples_of(round_: Round) -> list[Sample]:
    """The round's samples in the order of pairs."""
    with transaction() as session:
        pairs = session.scalars(select(Pair).where(Pair.round_id == round_.id).order_by(Pair.id)).all()
        ids = [sample for pair in pairs for sample in (pair.first_id, pair.second_id)]
        return [session.get_one(Sample, number) for number in ids]


def job_of(kind: JobKind) -> Job:
    """The newest job of its kind."""
    with transaction() as session:
        return session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id.desc()).limit(1)).one()


def run_of(round_: Round) -> TrainingRun:
    with transaction() as session:
        return session.scalars(
            select(TrainingRun).where(TrainingRun.round_id == round_.id).order_by(TrainingRun.number.desc()).limit(1)
        ).one()


def fresh(round_: Round) -> Round:
    """The round as it is now."""
    with transaction() as session:
        return rounds.get(session, round_.id)


def make_due() -> None:
    """Let jobs that wait for another try be due now."""
    with transaction() as session:
        for job in session.scalars(select(Job)):
            job.due_at = job.created_at


def stored_files() -> set[str]:
    """Every file in the folder of stored files, drafts included."""
    folder = Path(get_settings().artifacts)
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
