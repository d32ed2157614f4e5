"""What is shown of a round's training runs: how far, how well, and step by step. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Float, func, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Checkpoint, Job, JobKind, JobState, Metric, RunState, TrainingRun, TrainingSet
from app.models.base import Json
from app.services.round_views import FailedJob, RunningJob, failed_job, running_job

CURVES = ("loss", "margin", "accuracy", "kl_sampled", "kl_base", "clamped_sides", "clamped_pairs", "grad_norm")
MOST_POINTS = 400
RECENT = 50


@dataclass(frozen=True)
class Point:
    """One optimizer step on one curve."""

    step: int
    value: float


@dataclass(frozen=True)
class TimestepRow:
    """One step of the denoising schedule, averaged over the newest optimizer steps that trained it.

    `gain` is g_t (design, section 4); `r_chosen` and `r_other` the mean log-ratios of the two sides before the clamp;
    `clamped` the share of sides past it. None where nothing was measured.
    """

    timestep: int
    gain: float
    r_chosen: float | None
    r_other: float | None
    clamped: float | None


@dataclass(frozen=True)
class RunLine:
    """A training run as one line: its number in the round, how it ended, and the checkpoint it made."""

    id: int
    number: int
    state: RunState
    settings: Json
    end_reason: str | None
    set_number: int
    pairs: int
    steps_done: int
    checkpoint_id: int | None
    checkpoint_number: int | None
    started_at: datetime | None
    ended_at: datetime | None
    summary: Json


@dataclass(frozen=True)
class Training:
    """The newest run of a round, with its curves, and the runs before it."""

    run: RunLine
    steps_total: int
    job: RunningJob | None
    failed: FailedJob | None
    curves: dict[str, Sequence[Point]]
    by_step: Sequence[TimestepRow]
    earlier: Sequence[RunLine]

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the job's own speed; none while no worker has it."""
        if self.job is None or not self.job.per_second:
            return None
        return max(self.job.total - self.job.done, 0) / self.job.per_second


def of_round(session: Session, round_id: int) -> Training | None:
    """The round's newest training run with its metrics; none before the round has one."""
    lines = runs(session, round_id)
    if not lines:
        return None
    run = lines[0]
    job = session.scalars(
        select(Job)
        .where(Job.training_run_id == run.id, Job.kind == JobKind.TRAINING)
        .order_by(Job.id.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip
    return Training(
        run=run,
        steps_total=_total(run, job),
        job=running_job(job) if job and job.state is JobState.RUNNING else None,
        failed=failed_job(job) if job and job.error and run.state is not RunState.FINISHED else None,
        curves=curves(session, run.id),
        by_step=_by_step(_recent(session, run.id)),
        earlier=lines[1:],
    )


def runs(session: Session, round_id: int) -> list[RunLine]:
    """The round's training runs, newest first."""
    steps = select(func.count()).where(Metric.training_run_id == TrainingRun.id).scalar_subquery()
    rows = session.execute(
        select(
            TrainingRun,
            TrainingSet.number,
            func.jsonb_array_length(TrainingSet.items),
            steps,
            Checkpoint.id,
            Checkpoint.number,
        )
        .join(TrainingSet, TrainingSet.id == TrainingRun.training_set_id)
        .outerjoin(Checkpoint, Checkpoint.training_run_id == TrainingRun.id)
        .where(TrainingRun.round_id == round_id)
        .order_by(TrainingRun.number.desc())
    )
    return [_line(*row) for row in rows]


def curves(session: Session, run_id: int) -> dict[str, Sequence[Point]]:
    """Every curve of a run, thinned evenly to at most about 400 points; the newest step is always among them."""
    last = session.scalar(select(func.max(Metric.step)).where(Metric.training_run_id == run_id))
    stride = 1 if last is None else last // MOST_POINTS + 1
    fields = [Metric.values[name].astext.cast(Float) for name in CURVES]
    rows = session.execute(
        select(Metric.step, *fields)
        .where(Metric.training_run_id == run_id, (Metric.step % stride == 0) | (Metric.step == last))
        .order_by(Metric.step)
    ).all()
    return {
        name: tuple(Point(row[0], row[place]) for row in rows if row[place] is not None)
        for place, name in enumerate(CURVES, start=1)
    }


def metrics(session: Session, run_id: int, *, after: int = -1, limit: int = 1000) -> list[tuple[int, Json]]:
    """Whole metric rows of a run in the order of their steps, those beyond step `after`."""
    rows = session.execute(
        select(Metric.step, Metric.values)
        .where(Metric.training_run_id == run_id, Metric.step > after)
        .order_by(Metric.step)
        .limit(limit)
    )
    return [(step, values) for step, values in rows]


def run_of_round(session: Session, round_id: int, number: int | None) -> RunLine:
    """The round's run of this number, or its newest. Raises `NotFound`."""
    lines = runs(session, round_id)
    found = next((line for line in lines if number is None or line.number == number), None)
    if found is None:
        raise NotFound(
            f"Round {round_id} has no training run{'' if number is None else f' {number}'}.",
            "A round has one from the moment its labeling goal is met.",
        )
    return found


def _line(
    run: TrainingRun, set_number: int, pairs: int, steps: int, checkpoint_id: int | None, checkpoint: int | None
) -> RunLine:
    return RunLine(
        run.id, run.number, run.state, run.settings, run.end_reason, set_number, pairs, steps, checkpoint_id,
        checkpoint, run.started_at, run.ended_at, run.summary or {},
    )  # fmt: skip


def _total(run: RunLine, job: Job | None) -> int:
    """Optimizer steps of the run in all; 0 before a worker has said so."""
    said = int(job.progress.get("total", 0)) if job and job.progress.get("unit") == "steps" else 0
    return run.steps_done if run.state is RunState.FINISHED else max(said, run.steps_done)


def _recent(session: Session, run_id: int) -> list[dict[str, Any]]:
    """The values of the run's newest optimizer steps."""
    return list(
        session.scalars(
            select(Metric.values).where(Metric.training_run_id == run_id).order_by(Metric.step.desc()).limit(RECENT)
        )
    )


def _by_step(recent: list[dict[str, Any]]) -> list[TimestepRow]:
    """The schedule's steps from noise to picture, each averaged over those of `recent` that trained it."""
    found: dict[int, list[dict[str, Any]]] = {}
    for values in recent:
        for entry in values.get("by_step", ()):
            found.setdefault(int(entry["timestep"]), []).append(entry)
    return [
        TimestepRow(
            timestep,
            float(entries[0]["gain"]),
            *(_mean([e[key] for e in entries if e.get(key) is not None]) for key in ("r_winner", "r_loser", "clamped")),
        )
        for timestep, entries in sorted(found.items(), reverse=True)
    ]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
