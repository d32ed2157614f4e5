"""One training run: from the round's frozen set to a checkpoint, with metrics and resume points on the way."""

import time

import structlog

from app.artifacts import Stored
from app.db import transaction
from app.errors import Damaged, NotFound
from app.models import JobState, RoundState
from app.models.base import Json
from app.services import events, jobs, round_moves, rounds, studies, training_runs
from app.services.training_runs import Trained
from worker import bridge, lora, runs
from worker.attempt import Attempt
from worker.d3po import CheckReport, StepMetrics, TrainingResult
from worker.d3po.errors import DivergedError, StoppedError
from worker.d3po.records import StopReason
from worker.files import OwnFiles
from worker.progress import Progress
from worker.provenance import provenance
from worker.runs import Run
from worker.trackers import Trackers
from worker.trajectories import Trajectories

SECONDS_BETWEEN_WRITES = 2.0
SECONDS_BETWEEN_LINES = 10.0

log = structlog.get_logger(__name__)


def run(held: Attempt) -> None:
    """Train from the newest resume point on, if there is one, and store the checkpoint."""
    work = _begin(held)
    folder = f"studies/{work.study.id}/rounds/{work.round_.number}/training"
    scratch = held.files(f"{folder}/drawn-again")
    try:
        files = held.files(folder)
        trajectories = Trajectories(held, work.rows, scratch)
        began = time.monotonic()
        try:
            result = _train(held, work, trajectories, files)
        except DivergedError as error:
            with transaction() as session:
                training_runs.note_divergence(session, held.claim, step=error.step)
            raise
        if result.stop is StopReason.STOPPED:
            raise StoppedError("Training was told to stop; it goes on from its resume point.")
        _finish(held, work, result, files, seconds=time.monotonic() - began)
    finally:
        scratch.discard()


def _begin(held: Attempt) -> Run:
    with transaction() as session:
        return runs.read(session, training_runs.mark_running(session, held.claim))


def _train(held: Attempt, work: Run, trajectories: Trajectories, files: OwnFiles) -> TrainingResult:
    with transaction() as session:
        told = training_runs.last_step(session, work.run.id)
    with Trackers(work, told=told) as trackers:
        return _trained(held, work, trajectories, files, trackers)


def _trained(
    held: Attempt, work: Run, trajectories: Trajectories, files: OwnFiles, trackers: Trackers
) -> TrainingResult:
    journal = Journal(held, files, held.progress("steps"), trackers, total=runs.optimizer_steps(work))
    resume = _resume_point(held, work)
    log.info(
        "training", run=work.run.number, pairs=len(work.frozen.items), steps=journal.total,
        learning_rate=work.settings.learning_rate, rank=work.settings.rank, reference=work.settings.reference,
        **({"resumes_behind_step": work.run.resume["step"]} if resume and work.run.resume else {}),
    )  # fmt: skip
    result = runs.train(
        work,
        trajectories,
        held.artifacts,
        resume=resume,
        on_checks=journal.checks,
        on_step=journal.step,
        on_resume_point=journal.resume_point,
        should_stop=held.should_stop,
    )
    journal.write()
    log.info("training_ended", steps=result.steps, why=result.stop.value)
    return result


class Journal:
    """What a run leaves on its way: metrics every two seconds, resume points as they come, progress."""

    def __init__(self, held: Attempt, files: OwnFiles, progress: Progress, trackers: Trackers, *, total: int) -> None:
        self._held = held
        self._files = files
        self._progress = progress
        self._trackers = trackers
        self.total = total
        self._rows: list[Json] = []
        self._written = time.monotonic()
        self._told = 0.0

    def checks(self, report: CheckReport) -> None:
        """Store the figures of the checks before the first step."""
        with transaction() as session:
            jobs.held(session, self._held.claim)
            run = training_runs.get(session, self._held.claim.training_run_id or 0)
            events.write(session, "training.checked", run, **bridge.as_json(report))
        log.info(
            "checks_passed", states=report.states, largest_difference=report.largest_difference, limit=report.limit
        )
        for remark in report.remarks:
            log.warning("checks_remark", reason=remark)
        self._progress(0, self.total)

    def step(self, metrics: StepMetrics) -> None:
        row = bridge.metrics_row(metrics)
        self._rows.append(row)
        self._trackers.tell(row)
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            self.write()
        self._progress(metrics.step, self.total)
        self._tell(metrics)

    def _tell(self, metrics: StepMetrics) -> None:
        """Log a step now and then, and each whose update was dropped."""
        now = time.monotonic()
        if metrics.skipped:
            log.warning("update_dropped", step=metrics.step, reason="a half-precision gradient overflowed")
        elif now - self._told >= SECONDS_BETWEEN_LINES or metrics.step == self.total:
            self._told = now
            log.info(
                "step", step=metrics.step, of=self.total, loss=metrics.loss, gradient_norm=metrics.gradient_norm,
                clamped_pairs=metrics.clamped_pairs, **_known(margin=metrics.margin, kl=metrics.kl_reference),
            )  # fmt: skip

    def write(self) -> None:
        """Store the metrics that are not stored yet."""
        with transaction() as session:
            training_runs.add_metrics(session, self._held.claim, self._rows)
        self._all_written()

    def resume_point(self, data: bytes, steps: int) -> None:
        """Store the point, then name it together with the metrics up to it; the one it replaces goes afterwards."""
        stored = self._files.put(f"resume-{steps}.safetensors", data)
        with transaction() as session:
            point = _named(stored) | {"step": steps}
            replaced = training_runs.keep_resume_point(session, self._held.claim, point, self._rows)
        self._files.keep()
        self._all_written()
        if replaced is not None:
            self._held.artifacts.delete(replaced["key"])
        log.debug("resume_point_stored", step=steps)

    def _all_written(self) -> None:
        self._rows.clear()
        self._written = time.monotonic()


def _finish(held: Attempt, work: Run, result: TrainingResult, files: OwnFiles, *, seconds: float) -> None:
    """Write the checkpoint's files, then store it, end the run and complete the round, all at once."""
    origin = provenance(work, result)
    info = bridge.lora_info(work.study, work.round_, work.run, work.model, result.steps, origin)
    trained = Trained(
        adapter_sha256=result.adapter_identity,
        files=lora.store(files, result.adapter, info),
        optimizer=_named(files.put("optimizer.safetensors", result.optimizer)),
        provenance=origin,
        summary=bridge.summary(result, seconds),
    )
    with transaction() as session:
        studies.locked(session, work.study.id)
        round_ = rounds.locked(session, work.round_.id)
        job = jobs.held(session, held.claim)
        resume = training_runs.get(session, work.run.id).resume
        training_runs.finish(session, held.claim, round_, trained)
        jobs.end(job, JobState.DONE)
        if round_.state == RoundState.TRAINING:
            round_moves.make(session, round_, "trained")
    files.keep()
    log.info("checkpoint_stored", seconds=seconds)
    if resume is not None:
        held.artifacts.delete(resume["key"])


def _resume_point(held: Attempt, work: Run) -> bytes | None:
    """The newest resume point; none where its file is gone or damaged, for starting anew gives the same bits."""
    point = work.run.resume
    if point is None:
        return None
    try:
        return held.artifacts.get_bytes(point["key"], point["sha256"])
    except (NotFound, Damaged) as error:
        log.warning("resume_point_unusable", run=work.run.number, reason=str(error))
        return None


def _known(**figures: float | None) -> dict[str, float]:
    return {name: figure for name, figure in figures.items() if figure is not None}


def _named(stored: Stored) -> Json:
    return {"key": stored.key, "size": stored.size, "sha256": stored.sha256}
