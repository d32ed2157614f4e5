"""Drawing one policy's evaluation pictures, slice by slice, asking the judges what they are worth, and measuring."""

import time
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import transaction
from app.models import OPEN, BaseModel, Checkpoint, JobState, Round, RoundKind, Study
from app.services import base_models, evaluation, jobs, round_moves, studies
from app.services.evaluation import EvaluationGroup
from app.study_settings import StudySettings, validated
from worker import bridge, judging
from worker.attempt import Attempt
from worker.d3po import Policy, SampleRecord, sample_groups
from worker.d3po.errors import StoppedError
from worker.drawing import store_sample
from worker.files import OwnFiles
from worker.judges import Judge, scores
from worker.measuring import measure
from worker.policies import policy_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Pictures:
    """The evaluation pictures of one policy: what is to be drawn, and by what."""

    study: Study
    model: BaseModel
    checkpoint: Checkpoint | None
    settings: StudySettings
    policy_number: int
    slices: list[list[EvaluationGroup]]
    batch: int
    all: int

    @property
    def left(self) -> int:
        return sum(len(part) for part in self.slices)


def run(held: Attempt) -> None:
    """Draw what is not drawn yet. Each slice is recorded by itself, so that a stop costs one at most."""
    with transaction() as session:
        pictures = _read(session, held)
    log.info(
        "drawing_evaluation_pictures", left=pictures.left, of=pictures.all, batch=pictures.batch,
        policy=f"checkpoint {pictures.policy_number}" if pictures.checkpoint else "base",
        judges=", ".join(pictures.settings.labeling.score_with) or "none",
    )  # fmt: skip
    began = time.monotonic()
    judges = [judging.ready(name) for name in pictures.settings.labeling.score_with]
    policy = policy_of(pictures.model, pictures.checkpoint, pictures.settings.sampling.precision, held.artifacts)
    files = held.files(f"studies/{pictures.study.id}/evaluation")
    progress, done = held.progress("samples"), pictures.all - pictures.left
    for part in pictures.slices:
        progress(done, pictures.all)
        _draw(held, pictures, policy, part, judges, files)
        done += len(part)
    log.info("evaluation_pictures_stored", pictures=pictures.left, seconds=time.monotonic() - began)
    measure(held, pictures.study.id, judges)
    _end(held, pictures)


def _read(session: Session, held: Attempt) -> Pictures:
    claim = held.claim
    study = studies.get(session, claim.of_study)
    return Pictures(
        study=study,
        model=base_models.get(session, study.base_model_id),
        checkpoint=session.get(Checkpoint, claim.checkpoint_id) if claim.checkpoint_id else None,
        settings=validated(study.settings),
        policy_number=evaluation.policy_number(session, claim.checkpoint_id),
        slices=evaluation.slices(session, claim),
        batch=claim.payload["batch"],
        all=evaluation.pictures_in_set(session, study.id),
    )


def _draw(
    held: Attempt, pictures: Pictures, policy: Policy, part: list[EvaluationGroup], judges: list[Judge], files: OwnFiles
) -> None:
    """Draw, store and record one slice."""
    records = list(
        sample_groups(
            policy,
            bridge.evaluation_groups(pictures.study, part),
            bridge.sampling_settings(pictures.settings.sampling, part[0].sampler),
            batch=pictures.batch,
            trajectories=False,
            should_stop=held.should_stop,
        )
    )
    drawn = [
        store_sample(files, _name(group), record, group_id=group.group_id, number=pictures.policy_number)
        for group, record in zip(part, records, strict=True)
    ]
    said = _said(judges, part, records)
    with transaction() as session:
        jobs.held(session, held.claim)
        evaluation.store(session, held.claim, drawn, said)
    files.keep()
    if held.should_stop():
        raise StoppedError("Drawing was told to stop; what was drawn before is kept.")


def _said(judges: list[Judge], part: list[EvaluationGroup], records: list[SampleRecord]) -> dict[int, dict[str, float]]:
    """By group, what each judge says of its picture."""
    images, prompts = [record.image for record in records], [group.prompt for group in part]
    by_judge = {judge.name: scores(judge, images, prompts) for judge in judges}
    return {group.group_id: {name: by_judge[name][place] for name in by_judge} for place, group in enumerate(part)}


def _name(group: EvaluationGroup) -> str:
    return f"{group.sampler}-{group.prompt_number}-{group.draw}"


def _end(held: Attempt, pictures: Pictures) -> None:
    """End the job, then let the study's comparisons pair the new pictures."""
    with transaction() as session:
        jobs.end(jobs.held(session, held.claim), JobState.DONE)
    with transaction() as session:
        waiting = select(Round.id).where(
            Round.study_id == pictures.study.id, Round.kind == RoundKind.EVALUATION, Round.state.in_(OPEN)
        )
        round_ids = list(session.scalars(waiting.order_by(Round.id)))
    for round_id in round_ids:
        with transaction() as session:
            round_moves.settle(session, round_id)
