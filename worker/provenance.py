"""Where a checkpoint comes from, so that anyone can tell and repeat it."""

import platform
from importlib.metadata import version

from app.models import BaseModel, Checkpoint, Round, Study, TrainingRun, TrainingSet
from app.models.base import Json
from worker.d3po import TrainingResult
from worker.device import describe, threads

LIBRARIES = ("torch", "diffusers", "peft", "transformers", "safetensors", "numpy")


def provenance(
    study: Study, round_: Round, run: TrainingRun, frozen: TrainingSet, model: BaseModel, parent: Checkpoint | None,
    result: TrainingResult,
) -> Json:  # fmt: skip
    """Everything that went into the checkpoint, by value and by hash."""
    return {
        "study": {"id": study.id, "name": study.name, "question": study.question, "seed": study.seed,
                  "preset": study.preset, "preset_sha256": study.preset_sha256},
        "round": {"id": round_.id, "number": round_.number, "sampling": round_.settings["sampling"]},
        "run": {"id": run.id, "number": run.number, "training": run.settings, "settings_sha256": run.settings_sha256,
                "steps": result.steps},
        "training_set": {"number": frozen.number, "sha256": frozen.sha256, "pairs": len(frozen.items),
                         "held_out": sum(item["held_out"] for item in frozen.items),
                         "choices": sum(len(item["choices"]) for item in frozen.items)},
        "base_model": {"name": model.name, "source": model.source, "revision": model.revision,
                       "files_sha256": model.files_sha256, "files": model.files},
        "parent": None if parent is None else {"number": parent.number, "adapter_sha256": parent.adapter_sha256},
        "adapter_sha256": result.adapter_identity,
        "reference": result.checks.reference,
        "code": {"tastemaker": version("tastemaker"), "python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
        "machine": {"device": describe(), "threads": threads(), "platform": platform.platform()},
    }  # fmt: skip
