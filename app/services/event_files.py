"""A training run's metrics as a TensorBoard event file, written from the database: whole after any resume.

The file is records of protocol buffers (`Event`, `Summary` in TensorFlow's event.proto and summary.proto), each between
its length and CRC32-C. The six fields that scalars take are written here, since TensorBoard's own writers bring gRPC or
torch into the site; the test reads them by TensorBoard.
"""

import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import google_crc32c
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Metric, Round, TrainingRun
from app.models.base import Json

BATCH = 500
EARLIEST = (1980, 1, 1, 0, 0, 0)
VERSION = b"brain.Event:2"
VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5  # protobuf's wire types
BY_STEP = ("gain", "r", "r_winner", "r_loser", "clamped")


def of_run(session: Session, run_id: int) -> Iterator[bytes]:
    """The file's records, in order: what it is, the run's settings, then one for each optimizer step. A batch of steps
    is in memory at a time. Raises `NotFound` for a run that has no metrics."""
    run = session.get(TrainingRun, run_id)
    after = -1
    while run is not None:
        query = select(Metric).where(Metric.training_run_id == run_id, Metric.step > after)
        rows = session.scalars(query.order_by(Metric.step).limit(BATCH)).all()
        if not rows:
            break
        if after < 0:
            began = rows[0].at.timestamp()
            yield _record(_field(1, DOUBLE, struct.pack("<d", began)) + _bytes(3, VERSION))
            yield _record(_event(began, 0, _text("settings", _markdown(run.settings))))
        for row in rows:
            yield _record(_event(row.at.timestamp(), row.step, b"".join(_scalars(row.values))))
            session.expunge(row)
        after = rows[-1].step
    if after < 0:
        raise NotFound(f"Training run {run_id} has no metrics yet.", "It has some after its first optimizer step.")


def file_name(run: TrainingRun) -> str:
    """A name that TensorBoard takes for an event file."""
    return f"events.out.tfevents.{int(run.created_at.timestamp())}.tastemaker"


def write_folder(session: Session, study_id: int, target: BinaryIO) -> int:
    """Write a zip of the study's runs with metrics, a folder for each, as `tensorboard --logdir` reads them; how many.

    Raises `NotFound` where there is none."""
    runs = session.execute(
        select(TrainingRun, Round.number)
        .join(Round, Round.id == TrainingRun.round_id)
        .where(
            Round.study_id == study_id,
            select(Metric.step).where(Metric.training_run_id == TrainingRun.id).limit(1).exists(),
        )
        .order_by(Round.number, TrainingRun.number)
    ).all()
    if not runs:
        raise NotFound("No training run of this study has metrics yet.", "The first one is made by its first round.")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for run, number in runs:
            info = zipfile.ZipInfo(f"round-{number:03}-run-{run.number}/{file_name(run)}", EARLIEST)
            info.compress_type = zipfile.ZIP_DEFLATED
            with file.open(info, "w", force_zip64=True) as member:
                for record in of_run(session, run.id):
                    member.write(record)
    return len(runs)


def scalars(values: Mapping[str, Any]) -> dict[str, float]:
    """What is measured at one optimizer step, by the name of its curve; what was not measured is left out."""
    found = {
        f"train/{name}": float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and name != "step"
    }
    for row in values.get("by_step") or []:
        for name in BY_STEP:
            if row.get(name) is not None:
                found[f"by_timestep_{name}/{int(row['timestep']):04}"] = float(row[name])
    return found


def _scalars(values: Mapping[str, Any]) -> Iterator[bytes]:
    """Each scalar as a Summary.Value: tag = 1, simple_value = 2."""
    for name, value in scalars(values).items():
        yield _bytes(1, _bytes(1, name.encode()) + _field(2, FLOAT, struct.pack("<f", value)))


def _text(name: str, text: str) -> bytes:
    """A text as a Summary.Value: its tensor (8) is one string (dtype 7, shape 1), its metadata (9) name the plugin."""
    shape = _bytes(2, _bytes(2, _field(1, VARINT, _varint(1))))
    tensor = _field(1, VARINT, _varint(7)) + shape + _bytes(8, text.encode())
    metadata = _bytes(1, _bytes(1, b"text"))
    return _bytes(1, _bytes(1, f"{name}/text_summary".encode()) + _bytes(8, tensor) + _bytes(9, metadata))


def _event(at: float, step: int, summary: bytes) -> bytes:
    """An Event: wall_time = 1 in seconds, step = 2, summary = 5."""
    return _field(1, DOUBLE, struct.pack("<d", at)) + _field(2, VARINT, _varint(step)) + _bytes(5, summary)


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    """CRC32-C, rotated and shifted so that a checksum of checksums still tells something."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _field(number: int, kind: int, data: bytes) -> bytes:
    return _varint(number << 3 | kind) + data


def _bytes(number: int, data: bytes) -> bytes:
    return _field(number, BYTES, _varint(len(data)) + data)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _markdown(settings: Json) -> str:
    """The settings as a table, as TensorBoard shows texts."""
    rows = [f"| {name} | `{json.dumps(value)}` |" for name, value in settings.items()]
    return "\n".join(["| setting | value |", "| --- | --- |", *rows])
