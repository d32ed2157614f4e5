"""What pages and API show of checkpoints: where each came from, its files, its pictures and their scores. Read-only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from app.errors import NotFound
from app.models import (
    BaseModel,
    Checkpoint,
    Group,
    Job,
    JobKind,
    JobState,
    PolicyMean,
    Round,
    Sample,
    Sampler,
    Study,
    TrainingRun,
    TrainingSet,
)
from app.models.base import Json
from app.services import evaluation
from app.services.study_views import ModelFacts, facts


@dataclass(frozen=True)
class Score:
    """A judge's mean over a policy's evaluation pictures of one sampler, with how many there are and their spread."""

    judge: str
    sampler: Sampler
    mean: float
    deviation: float
    count: int


@dataclass(frozen=True)
class PolicyScores:
    """The scores of one policy. `number` counts the study's checkpoints; 0 is the base."""

    study_id: int
    checkpoint_id: int | None
    number: int
    scores: Sequence[Score]


@dataclass(frozen=True)
class StoredFile:
    """One downloadable form of a checkpoint: `format` is `diffusers`, `kohya` or `peft`."""

    format: str
    name: str
    key: str
    size: int
    sha256: str


@dataclass(frozen=True)
class CheckpointLine:
    """A checkpoint as one line of a list."""

    id: int
    study_id: int
    study_name: str
    number: int
    parent_number: int | None
    round_id: int
    round_number: int
    run_number: int
    pairs: int
    is_current: bool
    created_at: datetime
    adapter_sha256: str


@dataclass(frozen=True)
class Drawing:
    """How far the evaluation pictures of a checkpoint are. `state` is that of their job; none before it is planned."""

    done: int
    total: int
    state: JobState | None
    error: str | None

    @property
    def is_complete(self) -> bool:
        return self.total > 0 and self.done >= self.total


@dataclass(frozen=True)
class CheckpointPage:
    """All that a checkpoint's own page shows beside its pictures."""

    line: CheckpointLine
    run_id: int
    parent_id: int | None
    question: str
    model: ModelFacts
    files: Sequence[StoredFile]
    sampling: Json
    training: Json
    set_sha256: str
    choices: int
    held_out: int
    summary: Json
    provenance: Json
    drawing: Drawing


def lines(
    session: Session, *, study_id: int | None = None, round_id: int | None = None, round_number: int | None = None,
    current: bool = False, before: int | None = None, limit: int = 500,
) -> list[CheckpointLine]:  # fmt: skip
    """Checkpoints, newest first, of one study or of all; of one round, of the rounds of one number, or only those that
    their study goes on from (`current`). One query."""
    query = _line_query().order_by(Checkpoint.id.desc()).limit(limit)
    if study_id is not None:
        query = query.where(Checkpoint.study_id == study_id)
    if round_id is not None:
        query = query.where(Round.id == round_id)
    if round_number is not None:
        query = query.where(Round.number == round_number)
    if current:
        query = query.where(Study.current_checkpoint_id == Checkpoint.id)
    if before is not None:
        query = query.where(Checkpoint.id < before)
    return [CheckpointLine(*row) for row in session.execute(query)]


def page(session: Session, checkpoint_id: int) -> CheckpointPage:
    """The checkpoint's page. Raises `NotFound`."""
    row = session.execute(_line_query().where(Checkpoint.id == checkpoint_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no checkpoint {checkpoint_id}.")
    line = CheckpointLine(*row)
    checkpoint, study, model, round_, run, items, set_sha256 = session.execute(
        select(Checkpoint, Study, BaseModel, Round, TrainingRun, TrainingSet.items, TrainingSet.sha256)
        .join(Study, Study.id == Checkpoint.study_id)
        .join(BaseModel, BaseModel.id == Study.base_model_id)
        .join(TrainingRun, TrainingRun.id == Checkpoint.training_run_id)
        .join(TrainingSet, TrainingSet.id == TrainingRun.training_set_id)
        .join(Round, Round.id == TrainingRun.round_id)
        .where(Checkpoint.id == checkpoint_id)
    ).one()
    return CheckpointPage(
        line=line,
        run_id=run.id,
        parent_id=checkpoint.parent_id,
        question=study.question,
        model=facts(model),
        files=files(checkpoint.files),
        sampling=round_.settings["sampling"],
        training=run.settings,
        set_sha256=set_sha256,
        choices=sum(len(item["choices"]) for item in items),
        held_out=sum(bool(item["held_out"]) for item in items),
        summary=run.summary or {},
        provenance=checkpoint.provenance,
        drawing=drawing(session, study.id, checkpoint_id),
    )


def require(session: Session, checkpoint_id: int) -> None:
    """Raises `NotFound` where there is no such checkpoint."""
    if session.get(Checkpoint, checkpoint_id) is None:
        raise NotFound(f"There is no checkpoint {checkpoint_id}.")


def files(stored: Json) -> list[StoredFile]:
    """The downloadable forms, the one for diffusers first."""
    order = ("diffusers", "kohya", "peft")
    return [
        StoredFile(name, file["name"], file["key"], int(file["size"]), file["sha256"])
        for name in order
        if (file := stored.get(name))
    ]


def file(session: Session, checkpoint_id: int, format_: str) -> StoredFile:
    """One downloadable form. Raises `NotFound`."""
    stored = session.scalar(select(Checkpoint.files).where(Checkpoint.id == checkpoint_id))
    if stored is None:
        raise NotFound(f"There is no checkpoint {checkpoint_id}.")
    found = {one.format: one for one in files(stored)}
    if format_ not in found:
        raise NotFound(f"Checkpoint {checkpoint_id} has no file for {format_}.", f"It has {', '.join(found)}.")
    return found[format_]


def drawing(session: Session, study_id: int, checkpoint_id: int | None) -> Drawing:
    """How far a policy's evaluation pictures are: the samples there are, of the groups in the study's set."""
    total = session.scalar(
        select(func.count()).select_from(Group).where(Group.study_id == study_id, Group.round_id.is_(None))
    )
    number = evaluation.policy_number(session, checkpoint_id)
    done = session.scalar(
        select(func.count())
        .select_from(Sample)
        .join(Group, Group.id == Sample.group_id)
        .where(Group.study_id == study_id, Group.round_id.is_(None), Sample.number == number)
    )
    job = session.scalars(
        select(Job)
        .where(
            Job.study_id == study_id,
            Job.kind == JobKind.EVALUATION,
            Job.checkpoint_id.is_not_distinct_from(checkpoint_id),
        )
        .order_by(Job.id.desc())
        .limit(1)
    ).one_or_none()
    running = int(job.progress.get("done", 0)) if job and job.state is JobState.RUNNING else 0
    return Drawing(max(done or 0, running), total or 0, job.state if job else None, job.error if job else None)


def scores(session: Session, *study_ids: int, numbers: Collection[int] | None = None) -> list[PolicyScores]:
    """The mean scores of the policies of these studies (of those with these `numbers`), the base first; those that are
    drawn and scored. One query."""
    query = (
        select(PolicyMean)
        .where(PolicyMean.study_id.in_(study_ids))
        .order_by(PolicyMean.study_id, PolicyMean.number, PolicyMean.judge, PolicyMean.sampler.desc())
    )
    if numbers is not None:
        query = query.where(PolicyMean.number.in_(numbers))
    policies: dict[tuple[int, int | None, int], list[Score]] = {}
    for row in session.scalars(query):
        score = Score(row.judge, row.sampler, row.mean, row.deviation or 0.0, row.pictures)
        policies.setdefault((row.study_id, row.checkpoint_id, row.number), []).append(score)
    return [PolicyScores(*policy, found) for policy, found in policies.items()]


def _line_query() -> Select[Any]:
    parent = aliased(Checkpoint)
    return (
        select(
            Checkpoint.id, Checkpoint.study_id, Study.name, Checkpoint.number, parent.number, Round.id, Round.number,
            TrainingRun.number, func.jsonb_array_length(TrainingSet.items),
            func.coalesce(Study.current_checkpoint_id == Checkpoint.id, False), Checkpoint.created_at,
            Checkpoint.adapter_sha256,
        )
        .join(Study, Study.id == Checkpoint.study_id)
        .join(TrainingRun, TrainingRun.id == Checkpoint.training_run_id)
        .join(TrainingSet, TrainingSet.id == TrainingRun.training_set_id)
        .join(Round, Round.id == TrainingRun.round_id)
        .outerjoin(parent, parent.id == Checkpoint.parent_id)
    )  # fmt: skip
