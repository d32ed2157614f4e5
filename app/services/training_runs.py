"""Training runs: made on a frozen set, driven by a worker, ended with a checkpoint or a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Checkpoint, JobKind, Metric, Round, RunState, Study, TrainingRun, TrainingSet, User
from app.models.base import Json
from app.services import evaluation, events, jobs
from app.services.canonical import sha256_of
from app.services.jobs import Claim, Urgency
from app.study_settings import validated


@dataclass(frozen=True)
class Trained:
    """What a finished run hands over: the adapter's files by format, the optimizer's state, and its provenance."""

    adapter_sha256: str
    files: Json
    optimizer: Json | None
    provenance: Json
    summary: Json


def start(
    session: Session, round_: Round, training_set: TrainingSet, *, settings: Json | None = None, actor: User | None
) -> TrainingRun:
    """Write the round's next run on this frozen set and the job that does it. `settings`: the training block."""
    in_force = settings or validated(round_.settings).training.model_dump()
    number = session.scalar(select(func.count()).where(TrainingRun.round_id == round_.id)) or 0
    run = TrainingRun(
        round_id=round_.id,
        training_set_id=training_set.id,
        number=number + 1,
        settings=in_force,
        settings_sha256=sha256_of(in_force),
    )
    session.add(run)
    session.flush()
    _add_job(session, round_, run)
    events.write(session, "training.started", run, actor=actor, number=run.number, training_set=training_set.sha256)
    return run


def newest(session: Session, round_id: int) -> TrainingRun | None:
    query = select(TrainingRun).where(TrainingRun.round_id == round_id).order_by(TrainingRun.number.desc()).limit(1)
    return session.scalars(query).one_or_none()


def get(session: Session, training_run_id: int) -> TrainingRun:
    run = session.get(TrainingRun, training_run_id)
    if run is None:
        raise NotFound(f"There is no training run {training_run_id}.")
    return run


def last_step(session: Session, training_run_id: int) -> int:
    """The newest optimizer step that has metrics; 0 before there is one."""
    return session.scalar(select(func.max(Metric.step)).where(Metric.training_run_id == training_run_id)) or 0


def go_on(session: Session, run: TrainingRun) -> None:
    """Let a failed run wait again; it goes on from its resume point."""
    run.state, run.end_reason, run.ended_at, run.summary = RunState.WAITING, None, None, None


def mark_running(session: Session, claim: Claim) -> TrainingRun:
    """The worker begins, or begins again."""
    jobs.held(session, claim)
    run = get(session, _run_id(claim))
    run.state = RunState.RUNNING
    run.started_at = run.started_at or func.now()
    session.flush()
    session.refresh(run)
    return run


def add_metrics(session: Session, claim: Claim, rows: Sequence[Json]) -> None:
    """Write metrics of optimizer steps (each with its `step`); a step that is there already stays as it is."""
    jobs.held(session, claim)
    _insert_metrics(session, _run_id(claim), rows)


def keep_resume_point(session: Session, claim: Claim, point: Json, rows: Sequence[Json]) -> Json | None:
    """Name the newest resume point and write the metrics up to it, together; returns the point it replaces."""
    jobs.held(session, claim)
    run = get(session, _run_id(claim))
    before, run.resume = run.resume, point
    _insert_metrics(session, run.id, rows)
    return before


def note_divergence(session: Session, claim: Claim, *, step: int) -> None:
    """Note at which optimizer step loss or gradient was not finite, before the run fails by it."""
    jobs.held(session, claim)
    get(session, _run_id(claim)).summary = {"diverged_at": step}


def finish(session: Session, claim: Claim, round_: Round, trained: Trained) -> Checkpoint:
    """Store the checkpoint that the run made. A round's first finished run moves the study's current checkpoint."""
    run = get(session, _run_id(claim))
    study = session.get_one(Study, round_.study_id, with_for_update=True)
    first = not _finished_before(session, round_.id)
    number = session.scalar(select(func.max(Checkpoint.number)).where(Checkpoint.study_id == study.id)) or 0
    checkpoint = Checkpoint(
        study_id=study.id,
        number=number + 1,
        parent_id=round_.checkpoint_id,
        training_run_id=run.id,
        adapter_sha256=trained.adapter_sha256,
        files=trained.files,
        optimizer=trained.optimizer,
        provenance=trained.provenance,
    )
    session.add(checkpoint)
    session.flush()
    run.state, run.summary, run.ended_at, run.resume = RunState.FINISHED, trained.summary, func.now(), None
    if first:
        study.current_checkpoint_id = checkpoint.id
    evaluation.plan(session, study, checkpoint_id=checkpoint.id)
    events.write(session, "checkpoint.made", checkpoint, number=checkpoint.number, run=run.number, round=round_.number)
    return checkpoint


def fail(session: Session, run: TrainingRun, reason: str) -> None:
    run.state, run.end_reason, run.ended_at = RunState.FAILED, reason, func.now()
    events.write(session, "training.failed", run, number=run.number, reason=reason)


def cancel(session: Session, round_id: int) -> None:
    """Cancel the round's run that is waiting or running, with its job."""
    jobs.cancel_open(session, round_id=round_id, kinds=(JobKind.TRAINING,))
    run = newest(session, round_id)
    if run is not None and run.state in (RunState.WAITING, RunState.RUNNING):
        run.state, run.ended_at = RunState.CANCELLED, func.now()


def metrics(session: Session, training_run_id: int, *, after: int = 0) -> list[Metric]:
    """The run's metrics after step `after`, in the order of steps."""
    return list(
        session.scalars(
            select(Metric).where(Metric.training_run_id == training_run_id, Metric.step > after).order_by(Metric.step)
        )
    )


def _add_job(session: Session, round_: Round, run: TrainingRun) -> None:
    jobs.add(
        session, JobKind.TRAINING, study_id=round_.study_id, round_id=round_.id, training_run_id=run.id,
        checkpoint_id=round_.checkpoint_id, urgency=Urgency.TRAINING,
    )  # fmt: skip


def _insert_metrics(session: Session, run_id: int, rows: Sequence[Json]) -> None:
    if not rows:
        return
    values: list[dict[str, Any]] = [{"training_run_id": run_id, "step": row["step"], "values": row} for row in rows]
    session.execute(insert(Metric).on_conflict_do_nothing(), values)


def _finished_before(session: Session, round_id: int) -> bool:
    query = select(TrainingRun.id).where(TrainingRun.round_id == round_id, TrainingRun.state == RunState.FINISHED)
    return session.scalar(query.limit(1)) is not None


def _run_id(claim: Claim) -> int:
    if claim.training_run_id is None:
        raise NotFound(f"Job {claim.job_id} is no training.")
    return claim.training_run_id
