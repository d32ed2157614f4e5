"""Whole situations made by the builders: rounds in their states, trainings with metrics, checkpoints with pictures."""

import hashlib
import io
import math
import random
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import (
    Answer,
    BaseModel,
    Checkpoint,
    CheckState,
    Group,
    Hold,
    Job,
    JobKind,
    JobState,
    LogLevel,
    Metric,
    ModelCheck,
    ModelFamily,
    Pair,
    PairState,
    Prompt,
    Queue,
    Role,
    Round,
    RoundState,
    RunState,
    Sample,
    Sampler,
    SampleScore,
    Study,
    TrainingRun,
    User,
)
from app.services import disk, evaluation_scores, job_logs, jobs, totals
from app.services.job_logs import Said
from tests import builders

TIMESTEPS = tuple(range(951, 0, -50))


def open_study(session: Session, artifacts: Artifacts) -> Study:
    """A study with three pairs, pictures and all, that wait for whoever comes."""
    study = builders.study(session, name="Emoji", question="Which picture is livelier?")
    round_ = builders.round_(session, study_id=study.id)
    for _ in range(3):
        builders.pair(session, round_id=round_.id, artifacts=artifacts)
    return study


def labeling_round(
    session: Session,
    study: Study,
    *,
    pairs: int = 12,
    closed: int = 5,
    artifacts: Artifacts | None = None,
    **columns: Any,
) -> Round:
    """A round in labeling: its chunks drawn but for the last, `closed` of its `pairs` answered by two people."""
    round_ = builders.round_(
        session, state=RoundState.LABELING, study_id=study.id, groups=pairs + 8, labeling_at=builders.now(),
        launched_at=builders.now() - timedelta(minutes=4), **columns,
    )  # fmt: skip
    chunk = builders.job(session, study_id=study.id, round_id=round_.id, state=JobState.DONE, payload={"groups": pairs})
    people = [builders.user(session, role=Role.ANNOTATOR, handle=f"{name} {round_.id}") for name in ("Ada", "Grace")]
    for number in range(pairs):
        answered(session, round_, people[number % 2] if number < closed else None, artifacts=artifacts, job_id=chunk.id)
    builders.job(
        session, study_id=study.id, round_id=round_.id, state=JobState.RUNNING, worker="laptop/1",
        lease_until=builders.now() + timedelta(seconds=45), payload={"groups": 8},
        progress={"done": 5, "total": 16, "unit": "samples", "per_second": 3.1},
    )  # fmt: skip
    builders.event(session, study_id=study.id, round_id=round_.id)
    builders.event(session, study_id=study.id, round_id=round_.id, what="round.pairs_ready")
    totals.refresh(session, round_)
    return round_


def answered(
    session: Session,
    round_: Round,
    person: User | None,
    *,
    artifacts: Artifacts | None = None,
    job_id: int | None = None,
) -> Pair:
    """A pair of the round, closed by one choice of `person`; open where there is none."""
    group = builders.group(session, round_id=round_.id, job_id=job_id)
    state = PairState.CLOSED if person else PairState.OPEN
    pair = builders.pair(
        session, round_id=round_.id, group_id=group.id, state=state, filled=int(person is not None), artifacts=artifacts
    )
    if person:
        answers = (Answer.FIRST, Answer.SECOND, Answer.FIRST, Answer.TIE, Answer.BOTH_BAD)
        builders.choice(session, pair_id=pair.id, user_id=person.id, answer=answers[pair.id % len(answers)])
    return pair


def training_round(
    session: Session, study: Study, *, steps: int = 200, of: int = 300, clamped: float = 0.2,
    run_state: RunState = RunState.RUNNING, artifacts: Artifacts | None = None, **columns: Any,
) -> Round:  # fmt: skip
    """A round in training, `steps` of `of` optimizer steps done, with metrics of every step."""
    now = builders.now()
    columns = {
        "state": RoundState.TRAINING,
        "labeling_at": now - timedelta(minutes=40),
        "training_at": now - timedelta(minutes=5),
    } | columns
    round_ = builders.round_(session, study_id=study.id, groups=40, launched_at=now - timedelta(minutes=43), **columns)
    person = builders.user(session, handle=f"Ada {round_.id}")
    chunk = builders.job(session, study_id=study.id, round_id=round_.id, state=JobState.DONE, payload={"groups": 40})
    for _ in range(6):
        answered(session, round_, person, artifacts=artifacts, job_id=chunk.id)
    run = training_run(session, round_, steps=steps, clamped=clamped, state=run_state)
    if run_state is RunState.RUNNING:
        builders.job(
            session, kind=JobKind.TRAINING, study_id=study.id, round_id=round_.id, training_run_id=run.id,
            state=JobState.RUNNING, worker="laptop/1", lease_until=now + timedelta(seconds=45),
            progress={"done": steps, "total": of, "unit": "steps", "per_second": 0.8},
        )  # fmt: skip
    for what in ("round.launched", "round.pairs_ready", "round.goal_met"):
        builders.event(session, study_id=study.id, round_id=round_.id, what=what)
    totals.refresh(session, round_)
    return round_


def training_run(session: Session, round_: Round, *, steps: int, clamped: float = 0.2, **columns: Any) -> TrainingRun:
    """A training run on 40 frozen pairs, four of them held out, with metrics that learn."""
    items = [
        {
            "pair": n, "group": n, "first": 2 * n, "second": 2 * n + 1, "p": 1.0, "weight": 1.0, "choices": [n],
            "held_out": n % 10 == 9,
        }
        for n in range(40)
    ]  # fmt: skip
    frozen = builders.training_set(session, round_id=round_.id, items=items)
    run = builders.training_run(
        session, training_set_id=frozen.id, started_at=builders.now() - timedelta(minutes=5), **columns
    )
    chance = random.Random(round_.id)
    session.add_all(
        Metric(training_run_id=run.id, step=step, values=values(step, steps, clamped, chance))
        for step in range(1, steps + 1)
    )
    session.flush()
    return run


def values(step: int, of: int, clamped: float, chance: random.Random) -> dict[str, Any]:
    """What a training that goes well measures at `step`."""
    learned = 1 - math.exp(-3 * step / of)
    margin = 0.04 * learned + chance.gauss(0, 0.02)
    measured = step % 10 == 0
    return {
        "loss": math.log(2) - margin * 0.1 + chance.gauss(0, 0.0006),
        "margin": margin,
        "accuracy": 1.0 if margin > 0 else 0.0,
        "kl_reference": 0.02 * learned + 0.01 if measured else None,
        "kl_sampled": 0.012 * learned if measured else None,
        "kl_base": 0.02 * learned + 0.01 if measured else None,
        "clamped_sides": min(1.0, clamped * learned * 1.3),
        "clamped_pairs": min(1.0, clamped * learned + chance.uniform(0, 0.05)),
        "grad_norm": 0.3 + 0.2 * chance.random() - 0.1 * learned,
        "by_step": [
            {
                "timestep": t, "gain": 0.6 + 1.2 * (1 - t / 1000) ** 3, "r_winner": 0.05 * learned * (1 - t / 1200),
                "r_loser": -0.03 * learned * (1 - t / 1200), "r": 0.01, "clamped": clamped * learned * (1 - t / 1100),
            }
            for t in TIMESTEPS[:-1]
        ],
    }  # fmt: skip


def checkpoint(
    session: Session,
    study: Study,
    *,
    parent: Checkpoint | None = None,
    artifacts: Artifacts | None = None,
    draws: int = 2,
) -> Checkpoint:
    """A complete round with its checkpoint and files, and evaluation pictures by both samplers with their scores."""
    round_ = training_round(
        session, study, steps=60, run_state=RunState.FINISHED, state=RoundState.COMPLETE, ended_at=builders.now(),
        checkpoint_id=parent.id if parent else None,
    )  # fmt: skip
    run = session.scalars(select(TrainingRun).where(TrainingRun.round_id == round_.id)).one()
    run.ended_at = builders.now()
    files = {name: stored(artifacts, study, run, name, ending) for name, ending in FORMATS}
    made = builders.checkpoint(
        session, training_run_id=run.id, parent_id=parent.id if parent else None, files=files, provenance=PROVENANCE
    )
    study.current_checkpoint_id = made.id
    if parent is None:
        evaluation_pictures(session, study, None, number=0, draws=draws, artifacts=artifacts)
    evaluation_pictures(session, study, made.id, number=made.number, draws=draws, artifacts=artifacts)
    builders.job(session, kind=JobKind.EVALUATION, study_id=study.id, checkpoint_id=made.id, state=JobState.DONE)
    return made


FORMATS = (("diffusers", "safetensors"), ("kohya", "safetensors"), ("peft", "zip"))
PROVENANCE = {
    "study": {"preset": "demo", "seed": 0},
    "code": {"tastemaker": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "diffusers": "0.42.1", "peft": "0.21.2"},
    "machine": {"device": "cpu, 2 threads"},
}


def stored(artifacts: Artifacts | None, study: Study, run: TrainingRun, format_: str, ending: str) -> dict[str, Any]:
    """A checkpoint's file with some content, as the worker names it."""
    data = f"{format_} of run {run.id} ".encode() * 1000
    if ending == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as folder:
            folder.writestr("adapter_model.safetensors", data)
        data = buffer.getvalue()
    key = f"studies/{study.id}/checkpoints/{run.id}/{format_}-1.{ending}"
    if artifacts:
        artifacts.put_bytes(key, data)
    return {"name": f"lora.{ending}", "key": key, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def evaluation_pictures(
    session: Session,
    study: Study,
    checkpoint_id: int | None,
    *,
    number: int,
    draws: int = 2,
    artifacts: Artifacts | None = None,
) -> None:
    """One policy's pictures of the study's evaluation set, with scores that fall from checkpoint to checkpoint."""
    for group in evaluation_groups(session, study, draws):
        sample = builders.sample(
            session, group_id=group.id, number=number, checkpoint_id=checkpoint_id, artifacts=artifacts
        )
        kilobytes = 2.7 * 0.95**number + 0.01 * (group.id % 7)
        session.add(SampleScore(sample_id=sample.id, judge="jpeg_compressibility", value=kilobytes))
    evaluation_scores.count(session, study.id, number)


def evaluation_groups(session: Session, study: Study, draws: int) -> Sequence[Group]:
    """The study's evaluation set, made at the first call."""
    found = session.scalars(select(Group).where(Group.study_id == study.id, Group.round_id.is_(None))).all()
    if found:
        return found
    prompts = session.scalars(
        select(Prompt).where(Prompt.prompt_set_id == study.prompt_set_id).order_by(Prompt.number)
    ).all()
    keys = [(prompt.id, draw, sampler) for sampler in Sampler for prompt in prompts for draw in range(draws)]
    return [
        builders.group(session, study_id=study.id, prompt_id=prompt_id, draw=draw, sampler=sampler, number=number)
        for number, (prompt_id, draw, sampler) in enumerate(keys)
    ]


def warned(session: Session, study: Study, *, artifacts: Artifacts | None = None) -> Round:
    """A study whose second checkpoint has gone wrong in every way that pictures can, so that it stopped itself; its
    third round, drawn by that checkpoint, stands still. That round is returned."""
    good = checkpoint(session, study, artifacts=artifacts)
    bad = checkpoint(session, study, parent=good, artifacts=artifacts)
    round_ = labeling_round(
        session, study, artifacts=artifacts, checkpoint_id=bad.id, hold=Hold.PAUSED,
        settings=builders.settings(labeling={"alike_below": 0.004}),
    )  # fmt: skip
    now = builders.now()
    of_run: dict[str, Any] = {"training_run_id": bad.training_run_id}
    looks = {"saturation": 2.24, "brightness": 0.67, "sharpness": 0.23, "factor": 1.5}
    builders.warning(session, **of_run, stopped_at=now)
    builders.warning(session, **of_run, name="collapse", figures={"structure": 0.85, "colours": 0.42, "pictures": 64})
    builders.warning(session, **of_run, name="saturation", figures=looks)
    drift = {"judge": "jpeg_compressibility", "share": 0.31, "choices": 52, "before": 0.58}
    builders.warning(session, **of_run, name="drift", figures=drift)
    alike = {"alike": 9, "pairs": 24, "distance": 0.01}
    builders.warning(session, round_id=round_.id, name="alike", figures=alike)
    accuracy = {"pairs": 1040, "share": 0.497, "low": 0.467, "high": 0.527}
    builders.warning(session, training_run_id=good.training_run_id, name="accuracy", figures=accuracy)
    return round_


def logged(session: Session, round_: Round) -> None:
    """What the workers of a round in training said: a chunk that failed once and was drawn, and a run under way."""
    chunk, training = (
        session.scalars(select(Job).where(Job.round_id == round_.id, Job.kind == kind)).one()
        for kind in (JobKind.CHUNK, JobKind.TRAINING)
    )
    chunk.payload, chunk.worker = chunk.payload | {"chunk": 0}, "laptop/1"
    trace = (
        "Job failed\n  worker/tasks/chunk.py:41 in run\n    for number, members in groupby(records, key=number_of)\n"
        "  torch/nn/modules/conv.py:458 in _conv_forward\n    return F.conv2d(input, weight, bias)\n"
        "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB"
    )
    first = ("Job begun", "Drawing chunk groups=40 samples=80 batch=16 steps=20 policy=base")
    smaller = "The device ran out of memory. Make the sampling batch smaller, then retry."
    talks: list[tuple[Job, int, LogLevel, str]] = [
        *((chunk, 1, LogLevel.INFO, said) for said in first),
        (chunk, 1, LogLevel.ERROR, trace),
        (chunk, 1, LogLevel.ERROR, f"Tried again later: {smaller}"),
        *((chunk, 2, LogLevel.INFO, said) for said in (*first, "Chunk stored samples=80 seconds=25.81", "Job done")),
        (training, 1, LogLevel.INFO, "Training run=1 pairs=40 steps=300 learning rate=3e-05 rank=4 reference=base"),
        (training, 1, LogLevel.INFO, "Checks passed states=4 largest difference=1.9e-06 limit=0.0001"),
        (training, 1, LogLevel.WARNING, "Update dropped step=7: a half-precision gradient overflowed"),
        (training, 1, LogLevel.INFO, "Step step=200 of=300 loss=0.6887 gradient norm=0.3104 clamped pairs=0.21"),
    ]
    for job, attempt, level, said in talks:
        job.attempt = attempt
        claim = jobs.claim_of(job)
        job_logs.store(session, claim, [Said(builders.now(), level, said)], round_id=round_.id)


def failed_chunk(session: Session, round_: Round, *, error: str) -> Job:
    """A chunk of three groups that was put aside."""
    return builders.job(
        session,
        study_id=round_.study_id,
        round_id=round_.id,
        state=JobState.FAILED,
        failures=3,
        attempt=3,
        error=error,
        payload={"groups": 3, "first_group": 4},
    )


def busy_house(session: Session, artifacts: Artifacts) -> Round:
    """A worker at work on a GPU, an idle one, one that is gone; jobs that wait, one that failed; files of a study."""
    study = builders.study(session, name="Emoji")
    now = builders.now()
    machine = {"memory_used": 9_400_000_000, "memory_total": 25_700_000_000, "version": "0.1.0"}
    gpu = {"memory_used": 21_300_000_000, "memory_total": 85_000_000_000, "version": "0.1.0"}
    builders.worker(session, name="laptop/1", device="cuda (NVIDIA H100)", **gpu)
    builders.worker(session, name="cpu@laptop", queue=Queue.CPU, **machine)
    builders.worker(session, name="attic", seen_at=now - timedelta(hours=3), device="cpu, 4 threads", **machine)
    round_ = labeling_round(session, study, artifacts=artifacts)
    builders.job(session, study_id=study.id, round_id=round_.id, created_at=now - timedelta(minutes=7))
    failed_chunk(session, round_, error="The device ran out of memory. Make the sampling batch smaller, then retry.")
    sample = session.scalars(select(Sample).limit(1)).one()
    sample.trajectory_key, sample.trajectory_size = "studies/1/t", 660_000
    session.flush()
    disk.count(session, study.id)
    return round_


def registry(session: Session, artifacts: Artifacts) -> BaseModel:
    """A base model that was checked, one that only the command line knows, one that is being checked, one refused."""
    model = builders.base_model(session, name="Stable Diffusion XL", family=ModelFamily.SDXL, image_size=1024)
    study = builders.study(session, base_model_id=model.id)
    check = {"kind": JobKind.MODEL_CHECK, "study_id": study.id}
    at_work, failed = builders.job(session, **check), builders.job(session, state=JobState.FAILED, **check)
    buffer = io.BytesIO()
    builders.picture(3, 128).save(buffer, "WEBP", lossless=True)
    stored = artifacts.put_bytes(f"models/checks/{model.id}-1/picture.webp", buffer.getvalue())
    now = builders.now()
    session.add_all(
        [
            ModelCheck(
                name=model.name, source=model.source, state=CheckState.READY, base_model_id=model.id, ended_at=now,
                picture={"key": stored.key, "size": stored.size, "sha256": stored.sha256, "width": 128, "height": 128},
                facts={
                    "device": "cuda (NVIDIA H100)", "precision": "fp16", "parameters": 3_469_069_219,
                    "memory_weights": 8_900_000_000, "memory_peak": 11_200_000_000, "seconds": 2.31, "steps": 20,
                    "prompt": "cat face", "bytes": 6_938_000_000, "unet_parameters": 2_567_463_684,
                },
            ),
            ModelCheck(name="Mine", source="/models/mine", job_id=at_work.id),
            ModelCheck(
                name="A flux", source="owner/flux", revision="main", state=CheckState.REFUSED, ended_at=now,
                reason="owner/flux holds a FluxPipeline, which cannot be trained yet.",
                job_id=failed.id,
            ),
        ]
    )  # fmt: skip
    builders.base_model(session)
    session.flush()
    return model
