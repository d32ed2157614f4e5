"""The one module that knows both the database's rows and the library's records."""

import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel as Block

from app import study_settings
from app.models import BaseModel, Round, Sampler, Study, TrainingRun, TrainingSet
from app.models.base import Json
from app.services.canonical import canonical_json
from app.services.chunks import GroupToDraw
from app.services.evaluation import EvaluationGroup
from worker.d3po import (
    EvalNoise,
    GroupSpec,
    Preference,
    RoundNoise,
    SamplingSettings,
    StepMetrics,
    TrainingResult,
    TrainingSettings,
)
from worker.d3po.lora_files import LoraInfo
from worker.d3po.training_set import make_groups

Record = TypeVar("Record", SamplingSettings, TrainingSettings)


def sampling_settings(block: study_settings.SamplingSettings, sampler: Sampler = Sampler.STUDY) -> SamplingSettings:
    """How the study draws; or, for evaluation pictures, the same by DDIM at eta 0."""
    settings = _filled(SamplingSettings, block)
    return settings if sampler is Sampler.STUDY else _with_eta(settings, 0.0)


def training_settings(block: study_settings.TrainingSettings) -> TrainingSettings:
    return _filled(TrainingSettings, block)


def round_groups(study: Study, round_: Round, groups: Sequence[GroupToDraw], samples: int) -> list[GroupSpec]:
    """A round's groups, their noise keyed by ordinals alone."""
    return [
        GroupSpec(g.number, g.prompt, RoundNoise(study.seed, round_.number, g.number), samples=samples) for g in groups
    ]


def evaluation_groups(study: Study, groups: Sequence[EvaluationGroup]) -> list[GroupSpec]:
    """Evaluation groups of one picture each, numbered by their place in `groups`."""
    return [
        GroupSpec(place, g.prompt, EvalNoise(study.seed, g.prompt_number, g.draw), samples=1)
        for place, g in enumerate(groups)
    ]


def try_group(prompt: str, seed: int, samples: int) -> GroupSpec:
    """A try's one group: samples of one prompt and one noise, as a round draws them. Rounds count from 1."""
    return GroupSpec(0, prompt, RoundNoise(seed, 0, 0), samples=samples)


def playground_groups(prompt: str, seed: int, draws: int) -> list[GroupSpec]:
    """A prompt's groups of one picture each; keyed as evaluation's are, so the noise is any policy's."""
    return [GroupSpec(draw, prompt, EvalNoise(seed, 0, draw), samples=1) for draw in range(draws)]


def preferences(frozen: TrainingSet) -> list[Preference]:
    """The frozen set. Samples are named by their ids, as texts."""
    return [
        Preference(
            pair=str(item["pair"]), group=item["group"], first=str(item["first"]), second=str(item["second"]),
            p=item["p"], weight=item["weight"], held_out=item["held_out"],
        )
        for item in frozen.items
    ]  # fmt: skip


def optimizer_steps(chosen: Sequence[Preference], settings: TrainingSettings) -> int:
    """How many optimizer steps training on these preferences takes."""
    trained, _ = make_groups(chosen, settings)
    return math.ceil(len(trained) / settings.groups_per_step) * settings.inner_epochs


def metrics_row(metrics: StepMetrics) -> Json:
    """One optimizer step as it is stored and shown; what is not finite becomes null, for JSON has no word for it."""
    row = asdict(metrics)
    row["grad_norm"] = row.pop("gradient_norm")
    for step in row["by_step"]:
        sides = [step[side] for side in ("r_winner", "r_loser") if step[side] is not None]
        step["r"] = sum(sides) / len(sides) if sides else None
    return _json(row)


def summary(result: TrainingResult, seconds: float) -> Json:
    """What a finished run says of itself."""
    return _json(
        asdict(result.summary)
        | {
            "seconds": round(seconds, 3),
            "held_out": asdict(result.held_out) if result.held_out else None,
            "checks": asdict(result.checks),
            "remarks": result.remarks,
        }
    )


def as_json(record: Any) -> Json:
    """A record of the library as JSON."""
    return _json(asdict(record))


def lora_info(study: Study, round_: Round, run: TrainingRun, model: BaseModel, steps: int, own: Json) -> LoraInfo:
    """What the downloaded LoRA says of itself."""
    sampling = study_settings.validated(round_.settings).sampling
    return LoraInfo(
        title=f"{study.name}, round {round_.number}",
        family=model.family.value,
        base_model=model.source if model.revision else model.name,
        base_model_sha256=model.files_sha256,
        prediction_type=model.prediction_type,
        width=sampling.width or model.image_size,
        height=sampling.height or model.image_size,
        seed=run.settings["seed"],
        learning_rate=run.settings["learning_rate"],
        steps=steps,
        started_at=run.started_at,
        finished_at=datetime.now(UTC),
        description=f"Trained by D3PO on people's choices. Question: {study.question}",
        own={key: value if isinstance(value, str) else canonical_json(value) for key, value in own.items()},
    )


def _filled(record: type[Record], block: Block) -> Record:
    """The record with every field that the block has too."""
    names = {field.name for field in fields(record)}
    return record(**{name: value for name, value in block.model_dump().items() if name in names})


def _with_eta(settings: SamplingSettings, eta: float) -> SamplingSettings:
    return SamplingSettings(**{**asdict(settings), "eta": eta})


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_json(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
