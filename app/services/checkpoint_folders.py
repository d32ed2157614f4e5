"""A checkpoint as a folder that stands alone: the LoRA in one form, its model card, its pictures and its provenance, as
the Hugging Face hub and `load_lora_weights` take it; and as a repository of the hub."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.services import checkpoint_views, model_cards, provenance
from app.services.model_cards import Beside, CardFacts

CARD = "README.md"
PROVENANCE = "provenance.json"
DIFFUSERS_NAME = "pytorch_lora_weights.safetensors"  # what diffusers takes where a repository has several files
EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip of the same files is the same bytes whenever it is written


def members(
    session: Session, artifacts: Artifacts, checkpoint_id: int, format_: str, *, secret: str
) -> Iterator[tuple[str, bytes]]:
    """The folder's files by their names, the card first. Raises `NotFound`, `Damaged`."""
    stored = checkpoint_views.file(session, checkpoint_id, format_)
    told = model_cards.facts(session, checkpoint_id, secret=secret)
    yield CARD, model_cards.text(told, Beside(format_)).encode()
    yield PROVENANCE, _provenance(session, checkpoint_id, secret)
    data = artifacts.get_bytes(stored.key, stored.sha256)
    if format_ == "peft":
        with zipfile.ZipFile(BytesIO(data)) as file:
            for name in file.namelist():
                yield name, file.read(name)
    else:
        yield stored.name, data
    yield from _pictures(artifacts, told)


def of_repository(
    session: Session, artifacts: Artifacts, checkpoint_id: int, repo: str, *, with_provenance: bool, secret: str
) -> Iterator[tuple[str, bytes]]:
    """The files of the hub's repository `repo`: the LoRA for diffusers under the name that `load_lora_weights(repo)`
    looks for, and the one in kohya's naming; what was said choice by choice only `with_provenance`. Raises as
    `members`."""
    told = model_cards.facts(session, checkpoint_id, secret=secret)
    yield CARD, model_cards.text(told, Beside(provenance=with_provenance, repo=repo)).encode()
    if with_provenance:
        yield PROVENANCE, _provenance(session, checkpoint_id, secret)
    diffusers, kohya = (checkpoint_views.file(session, checkpoint_id, format_) for format_ in ("diffusers", "kohya"))
    yield DIFFUSERS_NAME, artifacts.get_bytes(diffusers.key, diffusers.sha256)
    yield kohya.name, artifacts.get_bytes(kohya.key, kohya.sha256)
    yield from _pictures(artifacts, told)


def write_zip(target: BinaryIO, files: Iterator[tuple[str, bytes]]) -> None:
    """Write the files as one zip, uncompressed: weights and pictures are as small as they get."""
    with zipfile.ZipFile(target, "w") as file:
        for name, data in files:
            file.writestr(zipfile.ZipInfo(name, EARLIEST), data)


def _provenance(session: Session, checkpoint_id: int, secret: str) -> bytes:
    record = provenance.of_checkpoint(session, checkpoint_id, secret=secret)
    return json.dumps(record, ensure_ascii=False, indent=1).encode()


def _pictures(artifacts: Artifacts, told: CardFacts) -> Iterator[tuple[str, bytes]]:
    for one in told.shown:
        yield one.path, artifacts.get_bytes(one.picture.key)
        if one.base is not None and one.base_path is not None:
            yield one.base_path, artifacts.get_bytes(one.base.key)
