"""Base models: a diffusers pipeline is looked at without loading it, and pinned by the SHA-256 of its weight files."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import BaseModel, ModelCheck, ModelFamily, User
from app.services import events
from app.services.canonical import sha256_of

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")
KINDS = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
PARTS_OF_XL = (*PARTS, "text_encoder_2", "tokenizer_2")
WITH_WEIGHTS = ("unet", "vae", "text_encoder", "text_encoder_2")
SD2_WIDTH = 1024  # of the text encoder; SD 1.x has 768
AT_ONCE = 500_000_000  # bytes of weights that are hashed while somebody waits for an answer
LAYOUT = "Give the folder that holds model_index.json, as `DiffusionPipeline.save_pretrained` writes it."


def register(
    session: Session, *, source: str, revision: str | None = None, name: str | None = None, actor: User | None
) -> BaseModel:
    """Register the pipeline in the folder or hub cache `source`; the same one again gives the row that exists.

    Raises `BadInput` that says what is missing where this is no pipeline we can train.
    """
    folder, commit = located(source.strip(), revision)
    return store(session, source=source, folder=folder, commit=commit, facts=inspect(folder), name=name, actor=actor)


def store(
    session: Session, *, source: str, folder: Path, commit: str, facts: dict[str, Any], name: str | None,
    actor: User | None,
) -> BaseModel:  # fmt: skip
    """The row of a pipeline that was located and inspected; the one that exists where it was registered before."""
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


def register_at_once(session: Session, *, source: str, revision: str | None = None, actor: User | None) -> BaseModel:
    """As `register`, for a request that somebody waits for: a model that is known, or a small folder.

    Raises `BadInput` for what has to be fetched or takes long to hash: it is to be checked by a worker first.
    """
    source = source.strip()
    model = known(session, source=source, revision=revision)
    if model is not None:
        return model
    folder = Path(source).expanduser()
    if source and folder.is_dir():
        if sum(path.stat().st_size for path in folder.rglob("*.safetensors")) <= AT_ONCE:
            return register(session, source=source, revision=revision, actor=actor)
    elif not HUB_ID.fullmatch(source):
        return register(session, source=source, revision=revision, actor=actor)  # says what is wrong
    raise BadInput(
        f"{source} is not registered yet.",
        "Register it under Base models first: a worker fetches and checks it, then choose it here.",
        fields={"source": "Register it under Base models first: a worker fetches and checks it."},
    )


def known(session: Session, *, source: str, revision: str | None = None) -> BaseModel | None:
    """The model that was registered from this folder or hub id, told without reading its weights.

    A folder's weight files must have the sizes that were registered; a worker compares what is in them before it uses
    them. A hub id is known by its commit, or by a branch or tag that a check has resolved.
    """
    folder = Path(source).expanduser() if source else None
    if folder is not None and folder.is_dir():
        rows = session.scalars(
            select(BaseModel)
            .where(BaseModel.source == str(folder.resolve()), BaseModel.revision == "")
            .order_by(BaseModel.id.desc())
        )
        sizes = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*.safetensors")}
        return next((row for row in rows if _sizes(row) == sizes), None)
    if revision and COMMIT.fullmatch(revision):
        query = select(BaseModel).where(BaseModel.source == source, BaseModel.revision == revision)
        return session.scalars(query.order_by(BaseModel.id.desc()).limit(1)).one_or_none()
    checked = (
        select(BaseModel)
        .join(ModelCheck, ModelCheck.base_model_id == BaseModel.id)
        .where(ModelCheck.source == source, ModelCheck.revision == (revision or ""))
    )
    return session.scalars(checked.order_by(ModelCheck.id.desc()).limit(1)).one_or_none()


def _sizes(model: BaseModel) -> dict[str, int]:
    return {path: file["size"] for path, file in model.files.items() if isinstance(file, dict)}


def get(session: Session, base_model_id: int) -> BaseModel:
    model = session.get(BaseModel, base_model_id)
    if model is None:
        raise NotFound(f"There is no base model {base_model_id}.")
    return model


def every(session: Session) -> list[BaseModel]:
    return list(session.scalars(select(BaseModel).order_by(BaseModel.id)))


def inspect(folder: Path, on_bytes: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """What the pipeline's own files say: family, prediction type, limits, and each weight file's size and SHA-256.

    `on_bytes` gets the bytes hashed and their total.
    """
    index = _json(folder / "model_index.json", f"{folder} is not a diffusers pipeline: it has no model_index.json.")
    kind = index.get("_class_name", "")
    if kind not in KINDS:
        raise BadInput(
            f"{folder} holds a {kind or 'pipeline without a name'}, which cannot be trained yet.",
            f"Supported: {' and '.join(KINDS)} (SD 1.x, SD 2.x and SDXL).",
        )
    is_xl = kind == "StableDiffusionXLPipeline"
    parts = PARTS_OF_XL if is_xl else PARTS
    missing = [part for part in parts if not (folder / part).is_dir()]
    if missing:
        raise BadInput(f"The pipeline in {folder} lacks its {', '.join(missing)}.", LAYOUT)
    weights = [str(path.relative_to(folder)) for path in folder.rglob("*.safetensors")]
    for part in parts:
        if part in WITH_WEIGHTS and not any(path.startswith(f"{part}/") for path in weights):
            raise BadInput(
                f"The pipeline in {folder} has no safetensors weights for its {part}.",
                "Save it again with safe_serialization=True; pickled weights are never loaded.",
            )
    scheduler = _config(folder, "scheduler", "scheduler_config.json")
    unet, text = _config(folder, "unet", "config.json"), _config(folder, "text_encoder", "config.json")
    sd = ModelFamily.SD2 if unet.get("cross_attention_dim") == SD2_WIDTH else ModelFamily.SD1
    return {
        "family": ModelFamily.SDXL if is_xl else sd,
        "prediction_type": scheduler.get("prediction_type", "epsilon"),
        "token_limit": int(text.get("max_position_embeddings", 77)),
        "image_size": int(unet.get("sample_size") or 64) * _vae_factor(folder),
        "files": weight_files(folder, on_bytes),
    }


def weight_files(
    folder: Path, on_bytes: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, dict[str, Any]]:
    """Each safetensors file below `folder`: its size in bytes and SHA-256, by its path from there."""
    paths = sorted(folder.rglob("*.safetensors"))
    total, done = sum(path.stat().st_size for path in paths), 0
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        on_bytes(done, total)
        size = path.stat().st_size
        found[str(path.relative_to(folder))] = {"size": size, "sha256": _sha256(path)}
        done += size
    on_bytes(done, total)
    return found


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
