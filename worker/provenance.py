"""Where a checkpoint comes from, so that anyone can tell and repeat it."""

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from app.models.base import Json
from app.services.provenance import trajectories_sha256
from worker import d3po
from worker.d3po import TrainingResult
from worker.device import describe, threads
from worker.runs import Run

LIBRARIES = ("torch", "diffusers", "peft", "transformers", "safetensors", "numpy")


def provenance(work: Run, result: TrainingResult) -> Json:
    """Everything that went into the checkpoint, by value and by hash."""
    study, round_, run, frozen, model, parent = (
        work.study, work.round_, work.run, work.frozen, work.model, work.parent,
    )  # fmt: skip
    return {
        "study": {"id": study.id, "name": study.name, "question": study.question, "seed": study.seed,
                  "preset": study.preset, "preset_sha256": study.preset_sha256},
        "round": {"id": round_.id, "number": round_.number, "sampling": round_.settings["sampling"]},
        "run": {"id": run.id, "number": run.number, "training": run.settings, "settings_sha256": run.settings_sha256,
                "steps": result.steps},
        "training_set": {"number": frozen.number, "sha256": frozen.sha256, "pairs": len(frozen.items),
                         "held_out": sum(item["held_out"] for item in frozen.items),
                         "choices": sum(len(item["choices"]) for item in frozen.items),
                         "trajectories_sha256": trajectories_sha256(work.rows)},
        "base_model": {"name": model.name, "source": model.source, "revision": model.revision,
                       "files_sha256": model.files_sha256, "files": model.files},
        "parent": None if parent is None else {"number": parent.number, "adapter_sha256": parent.adapter_sha256},
        "adapter_sha256": result.adapter_identity,
        "reference": result.checks.reference,
        "code": code(),
        "machine": machine(),
    }  # fmt: skip


def code() -> dict[str, str]:
    """What computes here: our own version, the SHA-256 of the code that draws and trains, and the libraries."""
    ours = {"tastemaker": version("tastemaker"), "d3po_sha256": _d3po_sha256(), "python": platform.python_version()}
    return ours | {name: version(name) for name in LIBRARIES}


def machine() -> Json:
    """Where it computes here."""
    return {"device": describe(), "threads": threads(), "platform": platform.platform()}


@cache
def _d3po_sha256() -> str:
    """The library's source, file by file: a version that was changed by hand is another one."""
    folder = Path(d3po.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
