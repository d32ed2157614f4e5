"""A checkpoint as a folder that stands alone: the LoRA in one form, its model card, its pictures and its provenance, as
the Hugging Face hub and `load_lora_weights` take it."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.services import checkpoint_views, model_cards, provenance

EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip of the same files is the same bytes whenever it is written


def members(
    session: Session, artifacts: Artifacts, checkpoint_id: int, format_: str, *, secret: str
) -> Iterator[tuple[str, bytes]]:
    """The folder's files by their names, the card first. Raises `NotFound`, `Damaged`."""
    stored = checkpoint_views.file(session, checkpoint_id, format_)
    told = model_cards.facts(session, checkpoint_id, secret=secret)
    yield "README.md", model_cards.text(told, format_).encode()
    record = provenance.of_checkpoint(session, checkpoint_id, secret=secret)
    yield "provenance.json", json.dumps(record, ensure_ascii=False, indent=1).encode()
    data = artifacts.get_bytes(stored.key, stored.sha256)
    if format_ == "peft":
        with zipfile.ZipFile(BytesIO(data)) as file:
            for name in file.namelist():
                yield name, file.read(name)
    else:
        yield stored.name, data
    for one in told.shown:
        yield one.path, artifacts.get_bytes(one.picture.key)
        if one.base is not None and one.base_path is not None:
            yield one.base_path, artifacts.get_bytes(one.base.key)


def write_zip(target: BinaryIO, files: Iterator[tuple[str, bytes]]) -> None:
    """Write the files as one zip, uncompressed: weights and pictures are as small as they get."""
    with zipfile.ZipFile(target, "w") as file:
        for name, data in files:
            file.writestr(zipfile.ZipInfo(name, EARLIEST), data)
