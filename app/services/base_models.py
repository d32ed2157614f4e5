"""Base models: a diffusers pipeline is looked at without loading it, and pinned by the SHA-256 of its weight files."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import BaseModel, ModelFamily, User
from app.services import events
from app.services.canonical import sha256_of

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")
FAMILIES = {"StableDiffusionPipeline": ModelFamily.SD1}
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
LAYOUT = "Give the folder that holds model_index.json, as `DiffusionPipeline.save_pretrained` writes it."


def register(
    session: Session, *, source: str, revision: str | None = None, name: str | None = None, actor: User | None
) -> BaseModel:
    """Register the pipeline in the folder or hub cache `source`; the same one again gives the row that exists.

    Raises `BadInput` that says what is missing where this is no pipeline we can train.
    """
    folder, commit = located(source.strip(), revision)
    facts = inspect(folder)
    files_sha256 = sha256_of(facts["files"])
    kept = source.strip() if commit else str(folder)
    known = session.scalars(
        select(BaseModel).where(
            BaseModel.source == kept, BaseModel.revision == commit, BaseModel.files_sha256 == files_sha256
        )
    ).one_or_none()
    if known is not None:
        return known
    model = BaseModel(name=name or Path(source).name, source=kept, revision=commit, files_sha256=files_sha256, **facts)
    session.add(model)
    events.write(session, "base_model.registered", model, actor=actor, source=kept, revision=commit)
    return model


def get(session: Session, base_model_id: int) -> BaseModel:
    model = session.get(BaseModel, base_model_id)
    if model is None:
        raise NotFound(f"There is no base model {base_model_id}.")
    return model


def every(session: Session) -> list[BaseModel]:
    return list(session.scalars(select(BaseModel).order_by(BaseModel.id)))


def inspect(folder: Path) -> dict[str, Any]:
    """What the pipeline's own files say: family, prediction type, limits, and each weight file's size and SHA-256."""
    index = _json(folder / "model_index.json", f"{folder} is not a diffusers pipeline: it has no model_index.json.")
    kind = index.get("_class_name", "")
    if kind not in FAMILIES:
        raise BadInput(
            f"{folder} holds a {kind or 'pipeline without a name'}, which cannot be trained yet.",
            f"Supported: {', '.join(FAMILIES)}.",
        )
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise BadInput(f"The pipeline in {folder} lacks its {', '.join(missing)}.", LAYOUT)
    files = weight_files(folder)
    for part in ("unet", "vae", "text_encoder"):
        if not any(path.startswith(f"{part}/") for path in files):
            raise BadInput(
                f"The pipeline in {folder} has no safetensors weights for its {part}.",
                "Save it again with safe_serialization=True; pickled weights are never loaded.",
            )
    scheduler = _config(folder, "scheduler", "scheduler_config.json")
    unet, text = _config(folder, "unet", "config.json"), _config(folder, "text_encoder", "config.json")
    family = FAMILIES[kind] if unet.get("cross_attention_dim") != 1024 else ModelFamily.SD2
    return {
        "family": family,
        "prediction_type": scheduler.get("prediction_type", "epsilon"),
        "token_limit": int(text.get("max_position_embeddings", 77)),
        "image_size": int(unet.get("sample_size") or 64) * _vae_factor(folder),
        "files": files,
    }


def weight_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Each safetensors file below `folder`: its size in bytes and SHA-256, by its path from there."""
    return {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.rglob("*.safetensors"))
    }


def located(source: str, revision: str | None) -> tuple[Path, str]:
    """The pipeline's folder on this machine, and for a hub id the commit hash it is pinned to."""
    if not source:
        raise BadInput("No base model was given.", LAYOUT, fields={"source": "is empty"})
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder.resolve(), ""
    if not HUB_ID.fullmatch(source):
        raise BadInput(f"There is no folder {source}.", LAYOUT, fields={"source": "no such folder"})
    return _from_hub(source, revision)


def _from_hub(source: str, revision: str | None) -> tuple[Path, str]:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise BadInput(
            f"{source} is not a folder here, and hub ids need the worker's extra.",
            'Run pip install "tastemaker[worker]", or give a folder.',
            fields={"source": "no such folder"},
        ) from error
    try:
        path = snapshot_download(
            source, revision=revision,
            allow_patterns=["*.json", "*.txt", "*/*.json", "*/*.txt", "*/*.safetensors"],
            ignore_patterns=["*fp16*", "*non_ema*", "safety_checker/*"],
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise BadInput(
            f"The hub does not give {source}{f' at {revision}' if revision else ''}: {str(error).splitlines()[0]}",
            "Check the id and the network, or give a folder.",
            fields={"source": "not a folder here, and not to be had from the hub"},
        ) from error
    commit = Path(path).name
    if not COMMIT.fullmatch(commit):
        raise BadInput(f"The hub's cache names no commit for {source}.", "Give the revision as a commit hash.")
    return Path(path), commit


def _vae_factor(folder: Path) -> int:
    return int(2 ** (len(_config(folder, "vae", "config.json").get("block_out_channels", [1] * 4)) - 1))


def _config(folder: Path, part: str, name: str) -> dict[str, Any]:
    return _json(folder / part / name, f"The pipeline's {part} in {folder} has no {name}.")


def _json(path: Path, absent: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise BadInput(absent, LAYOUT, fields={"source": "not a pipeline"}) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}.", LAYOUT, fields={"source": "not a pipeline"}) from error
    return dict(value)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
