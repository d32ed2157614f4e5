"""What the loop says of each round: the judge's score on the evaluation set, what it took, and the gain on the base."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Float, cast, func, select
from sqlalchemy.orm import Session

from app.models import Checkpoint, Choice, Job, JobKind, Pair, Sampler
from app.models.base import Json
from app.services import evaluation, evaluation_scores
from app.services.measures import Mean


@dataclass(frozen=True)
class Seconds:
    """A round's wall time: a worker drawing its chunks, a worker training, and all else, evaluation included."""

    sample: float
    train: float
    other: float


@dataclass(frozen=True)
class Line:
    """One round, or the base as round 0. Scores are means over the evaluation set, in the judge's unit.

    `eval_score` is of pictures drawn as the study draws, `eval_score_ddim` of the same noise by DDIM at eta 0.
    `difference` is the mean paired difference to the base, picture by picture.
    """

    round: int
    eval_score: float
    choices: int
    seconds: Seconds
    checkpoint: int | None
    eval_score_ddim: float
    difference: Mean | None
    difference_ddim: Mean | None
    evaluation_seconds: float

    def as_json(self) -> Json:
        return _rounded(asdict(self))


def line(
    session: Session, *, study_id: int, judge: str, number: int, round_id: int | None, checkpoint_id: int | None,
    wall: float,
) -> Line:  # fmt: skip
    """The figures of a round whose checkpoint is evaluated; of the base where there is no round."""
    sample = _job_seconds(session, Job.round_id == round_id, JobKind.CHUNK) if round_id else 0.0
    train = _job_seconds(session, Job.round_id == round_id, JobKind.TRAINING) if round_id else 0.0
    policy = evaluation.policy_number(session, checkpoint_id)
    (scores,) = evaluation_scores.of_study(session, study_id, judge=judge)
    by_sampler = {score.sampler: score for score in scores.policies if score.policy.number == policy}
    study, ddim = by_sampler[Sampler.STUDY], by_sampler[Sampler.DDIM]
    drawing = (Job.study_id == study_id) & Job.checkpoint_id.is_not_distinct_from(checkpoint_id)
    return Line(
        round=number,
        eval_score=study.mean.mean,
        choices=_choices(session, round_id) if round_id else 0,
        seconds=Seconds(sample, train, max(0.0, wall - sample - train)),
        checkpoint=checkpoint_id,
        eval_score_ddim=ddim.mean.mean,
        difference=study.difference,
        difference_ddim=ddim.difference,
        evaluation_seconds=_job_seconds(session, drawing, JobKind.EVALUATION),
    )


def checkpoint_of_round(session: Session, round_id: int) -> Checkpoint:
    """The checkpoint that the round's one training run made."""
    run = select(Job.training_run_id).where(Job.round_id == round_id, Job.kind == JobKind.TRAINING)
    return session.scalars(select(Checkpoint).where(Checkpoint.training_run_id.in_(run))).one()


def _job_seconds(session: Session, which, kind: JobKind) -> float:  # type: ignore[no-untyped-def]  # a condition
    """Seconds from the last claim of each job to its end, added up."""
    spent = func.sum(func.extract("epoch", Job.ended_at - Job.claimed_at))
    return float(session.scalar(select(cast(func.coalesce(spent, 0), Float)).where(which, Job.kind == kind)) or 0)


def _choices(session: Session, round_id: int) -> int:
    query = select(func.count(Choice.id)).join(Pair, Pair.id == Choice.pair_id)
    return session.scalar(query.where(Pair.round_id == round_id, Choice.undone_at.is_(None))) or 0


def _rounded(value: Json) -> Json:
    return {key: _rounded(entry) if isinstance(entry, dict) else _short(entry) for key, entry in value.items()}


def _short(entry: Any) -> Any:
    """What JSON can hold: no infinity, which the interval of a single picture has."""
    return (round(entry, 4) if math.isfinite(entry) else None) if isinstance(entry, float) else entry
