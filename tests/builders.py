"""One builder per table: a valid row with what it needs around it, every column to be overridden by name.

`builders.pair(session)` makes a pair that can be answered, with its study, round, group and two pictures behind it;
`builders.pair(session, round_id=round_.id)` puts it into a round that is there.
"""

import hashlib
import io
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from PIL import Image, ImageDraw
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.artifacts import Artifacts, Stored
from app.models import (
    FINAL,
    Answer,
    Base,
    BaseModel,
    Checkpoint,
    Choice,
    Delivery,
    DeliveryState,
    Event,
    Group,
    Hold,
    Job,
    JobKind,
    JobState,
    Lease,
    Metric,
    ModelFamily,
    Pair,
    PairState,
    Prompt,
    PromptSet,
    Purpose,
    Push,
    Queue,
    Role,
    Round,
    RoundKind,
    RoundState,
    RoundTotals,
    Sample,
    Sampler,
    Split,
    Study,
    StudyWarning,
    TrainingRun,
    TrainingSet,
    User,
    Webhook,
    Worker,
)
from app.services.outbox import ROUND_EVENTS
from app.study_settings import StudySettings

Row = TypeVar("Row", bound=Base)

NUMBERS = count(1)
SIZE = 64
PROMPTS = ("cat face", "3d red apple", "animal mammal", "fish on blue")
COLOURS = ("#e4572e", "#2e86ab", "#f6ae2d", "#758e4f", "#86588f", "#33658a")


def user(session: Session, *, role: Role = Role.ANNOTATOR, **columns: Any) -> User:
    handle = columns.pop("handle", f"{role.value}-{next(NUMBERS)}")
    return _add(session, User, {"handle": handle, "role": role, "display_name": handle.title()}, columns)


def base_model(session: Session, **columns: Any) -> BaseModel:
    source = f"/models/{next(NUMBERS)}"
    defaults = {
        "name": "Demo model",
        "source": source,
        "family": ModelFamily.SD1,
        "prediction_type": "epsilon",
        "token_limit": 77,
        "image_size": SIZE,
        "files": {"unet/diffusion_pytorch_model.safetensors": sha256(source)},
        "files_sha256": sha256(source),
    }
    return _add(session, BaseModel, defaults, columns)


def prompt_set(session: Session, *, prompts: Sequence[str] = PROMPTS, **columns: Any) -> PromptSet:
    name = f"Prompts {next(NUMBERS)}"
    row = _add(session, PromptSet, {"name": name, "version": 1, "sha256": sha256(*prompts)}, columns)
    session.add_all(
        Prompt(prompt_set_id=row.id, number=number, text=text, split=Split.BOTH) for number, text in enumerate(prompts)
    )
    session.flush()
    return row


def study(session: Session, **columns: Any) -> Study:
    defaults = {
        "name": f"Study {next(NUMBERS)}",
        "question": "Which picture is better?",
        "base_model_id": columns.get("base_model_id") or base_model(session).id,
        "prompt_set_id": columns.get("prompt_set_id") or prompt_set(session).id,
        "seed": 0,
        "settings": settings(),
        "preset": "demo",
        "preset_sha256": sha256("demo"),
    }
    return _add(session, Study, defaults, columns)


def settings(**blocks: dict[str, Any]) -> dict[str, Any]:
    """A study's settings: the defaults with what is given put over each block."""
    return StudySettings.model_validate(blocks).model_dump()


def round_(session: Session, *, state: RoundState = RoundState.LABELING, **columns: Any) -> Round:
    study_id = columns.get("study_id") or study(session).id
    kind = columns.get("kind", RoundKind.PREFERENCE)
    newest = select(func.max(Round.number)).where(Round.study_id == study_id, Round.kind == kind)
    defaults = {
        "study_id": study_id,
        "kind": kind,
        "number": (session.scalar(newest) or 0) + 1,
        "state": state,
        "settings": session.get_one(Study, study_id).settings,
        "groups": 4,
        "sampler": Sampler.STUDY if kind == RoundKind.EVALUATION else None,
        "hold_reason": "it failed" if columns.get("hold") == Hold.FAILED else None,
        "ended_at": now() if state in FINAL else None,
    }
    row = _add(session, Round, defaults, columns)
    session.add(RoundTotals(round_id=row.id))
    session.flush()
    return row


def group(session: Session, **columns: Any) -> Group:
    """A group of a round; with `draw` and `sampler` (and a study) one of the study's evaluation set."""
    if "draw" in columns:
        study_id, defaults = columns["study_id"], {"round_id": None}
    else:
        round_id = columns.get("round_id") or round_(session).id
        study_id, defaults = session.get_one(Round, round_id).study_id, {"round_id": round_id}
    number = session.scalar(select(func.count()).select_from(Group).where(Group.study_id == study_id)) or 0
    prompts = select(Prompt.id).join(Study, Study.prompt_set_id == Prompt.prompt_set_id).where(Study.id == study_id)
    prompt_ids = session.scalars(prompts.order_by(Prompt.number)).all()
    defaults |= {"study_id": study_id, "prompt_id": prompt_ids[number % len(prompt_ids)], "number": number}
    return _add(session, Group, defaults, columns)


def sample(session: Session, *, artifacts: Artifacts | None = None, size: int = SIZE, **columns: Any) -> Sample:
    """A sample; with `artifacts` its PNG and WebP are stored, a picture that differs from sample to sample."""
    group_id = columns.get("group_id") or group(session).id
    number = session.scalar(select(func.count()).select_from(Sample).where(Sample.group_id == group_id)) or 0
    mark = next(NUMBERS)
    image = picture(mark, size)
    png = _store(artifacts, f"samples/{group_id}/{number}-{mark}.png", image, "PNG")
    webp = _store(artifacts, f"samples/{group_id}/{number}-{mark}.webp", image, "WEBP")
    defaults = {
        "group_id": group_id,
        "number": number,
        "width": size,
        "height": size,
        "image_key": png.key,
        "image_sha256": png.sha256,
        "image_size": png.size,
        "webp_key": webp.key,
        "webp_sha256": webp.sha256,
        "webp_size": webp.size,
    }
    return _add(session, Sample, defaults, columns)


def pair(session: Session, *, artifacts: Artifacts | None = None, size: int = SIZE, **columns: Any) -> Pair:
    """An open pair of two new samples of one new group of the round; the round's totals know of it."""
    round_id = columns.pop("round_id", None) or round_(session).id
    group_id = columns.pop("group_id", None) or group(session, round_id=round_id).id
    first, second = (sample(session, artifacts=artifacts, size=size, group_id=group_id) for _ in range(2))
    closed = columns.get("state") == PairState.CLOSED
    defaults = {"round_id": round_id, "group_id": group_id, "first_id": first.id, "second_id": second.id}
    row = _add(session, Pair, defaults | {"closed_at": now() if closed else None}, columns)
    if row.state is not PairState.VOID:
        known = {"pairs": RoundTotals.pairs + 1, "pairs_closed": RoundTotals.pairs_closed + int(closed)}
        session.execute(update(RoundTotals).where(RoundTotals.round_id == round_id).values(known))
    return row


def lease(session: Session, **columns: Any) -> Lease:
    defaults = {
        "pair_id": columns.get("pair_id") or pair(session).id,
        "user_id": columns.get("user_id") or user(session).id,
        "purpose": Purpose.COUNTED,
        "first_on_left": True,
        "expires_at": now() + timedelta(minutes=3),
    }
    return _add(session, Lease, defaults, columns)


def choice(session: Session, *, answer: Answer = Answer.FIRST, **columns: Any) -> Choice:
    """A choice with its lease. It is a bare row: the pair's counts stay as they are (`services.choices` keeps them)."""
    lease_id = columns.get("lease_id")
    if lease_id is None:
        given = {name: columns[name] for name in ("pair_id", "user_id") if name in columns}
        lease_id = lease(session, **given).id
    given_lease = session.get_one(Lease, lease_id)
    defaults = {
        "key": uuid.uuid4(),
        "lease_id": lease_id,
        "pair_id": given_lease.pair_id,
        "user_id": given_lease.user_id,
        "answer": answer,
        "response_ms": 900,
    }
    return _add(session, Choice, defaults, columns)


def job(session: Session, *, kind: JobKind = JobKind.CHUNK, **columns: Any) -> Job:
    study_id = columns.get("study_id") or study(session).id
    return _add(session, Job, {"kind": kind, "queue": Queue.ACCELERATOR, "urgency": 30, "study_id": study_id}, columns)


def worker(session: Session, **columns: Any) -> Worker:
    name = f"machine/{next(NUMBERS)}"
    return _add(session, Worker, {"name": name, "queue": Queue.ACCELERATOR, "device": "cpu"}, columns)


def training_set(session: Session, **columns: Any) -> TrainingSet:
    round_id = columns.get("round_id") or round_(session, state=RoundState.TRAINING).id
    newest = select(func.max(TrainingSet.number)).where(TrainingSet.round_id == round_id)
    number = (session.scalar(newest) or 0) + 1
    defaults = {"round_id": round_id, "number": number, "items": [], "sha256": sha256("[]")}
    return _add(session, TrainingSet, defaults, columns)


def training_run(session: Session, **columns: Any) -> TrainingRun:
    set_id = (
        columns.get("training_set_id")
        or training_set(session, **{name: columns[name] for name in ("round_id",) if name in columns}).id
    )
    round_id = session.get_one(TrainingSet, set_id).round_id
    newest = select(func.max(TrainingRun.number)).where(TrainingRun.round_id == round_id)
    defaults = {
        "round_id": round_id,
        "training_set_id": set_id,
        "number": (session.scalar(newest) or 0) + 1,
        "settings": settings()["training"],
        "settings_sha256": sha256("settings"),
    }
    return _add(session, TrainingRun, defaults, columns)


def metric(session: Session, **columns: Any) -> Metric:
    run_id = columns.get("training_run_id") or training_run(session).id
    newest = select(func.max(Metric.step)).where(Metric.training_run_id == run_id)
    values = {"loss": 0.693, "margin": 0.0, "accuracy": 0.5, "grad_norm": 0.1}
    defaults = {"training_run_id": run_id, "step": (session.scalar(newest) or 0) + 1, "values": values}
    return _add(session, Metric, defaults, columns)


def checkpoint(session: Session, **columns: Any) -> Checkpoint:
    run_id = columns.get("training_run_id") or training_run(session).id
    round_id = session.get_one(TrainingRun, run_id).round_id
    study_id = session.get_one(Round, round_id).study_id
    newest = select(func.max(Checkpoint.number)).where(Checkpoint.study_id == study_id)
    number = (session.scalar(newest) or 0) + 1
    defaults = {
        "study_id": study_id,
        "number": number,
        "training_run_id": run_id,
        "adapter_sha256": sha256("adapter", str(run_id)),
        "files": {
            kind: _no_file(f"checkpoints/{run_id}/{kind}.safetensors") for kind in ("peft", "diffusers", "kohya")
        },
        "provenance": {"round": round_id},
    }
    return _add(session, Checkpoint, defaults, columns)


def push(session: Session, *, state: JobState = JobState.WAITING, error: str | None = None, **columns: Any) -> Push:
    """A push of a new checkpoint, or of `checkpoint_id`, and its job as a worker would have left it."""
    checkpoint_id = columns.get("checkpoint_id") or checkpoint(session).id
    study_id = session.get_one(Checkpoint, checkpoint_id).study_id
    said: dict[str, Any] = {"state": state, "error": error, "checkpoint_id": checkpoint_id, "study_id": study_id}
    if state is JobState.RUNNING:
        said["lease_until"] = now() + timedelta(seconds=45)
        said["progress"] = {"done": 2_097_152, "total": 6_460_211, "unit": "bytes", "per_second": 1_048_576.0}
    elif state is not JobState.WAITING:
        said["ended_at"] = now()
    made = job(session, kind=JobKind.PUSH, queue=Queue.CPU, urgency=44, **said)
    defaults = {
        "study_id": study_id, "checkpoint_id": checkpoint_id, "job_id": made.id, "repo": "me/emoji-lora",
        "private": True, "provenance": False,
    }  # fmt: skip
    if state is JobState.DONE:
        defaults |= {"url": "https://huggingface.co/me/emoji-lora", "commit": sha256("commit")[:40]}
    return _add(session, Push, defaults, columns)


def warning(session: Session, **columns: Any) -> StudyWarning:
    """A warning about KL of a new training run, or of `training_run_id`; with `round_id` alone of the round."""
    run_id = columns.get("training_run_id")
    if run_id is None and "round_id" not in columns:
        run_id = training_run(session).id
    round_id = columns.get("round_id") or session.get_one(TrainingRun, run_id).round_id
    defaults = {
        "study_id": session.get_one(Round, round_id).study_id,
        "round_id": round_id,
        "training_run_id": run_id,
        "name": "kl",
        "figures": {"base": 0.42, "round": 0.17, "base_above": 0.3, "round_above": 0.15},
    }
    return _add(session, StudyWarning, defaults, columns)


def event(session: Session, **columns: Any) -> Event:
    defaults = {"what": "round.launched", "object_type": "rounds", "object_id": 1}
    return _add(session, Event, defaults, columns)


def webhook(session: Session, **columns: Any) -> Webhook:
    """A webhook that takes every event. Its secret is none that can be unsealed (`services.webhooks` makes those)."""
    defaults = {"url": f"https://hooks.example.org/{next(NUMBERS)}", "events": list(ROUND_EVENTS), "secret": "sealed"}
    return _add(session, Webhook, defaults, columns)


def delivery(session: Session, **columns: Any) -> Delivery:
    """A delivery that is due, of a new event to a webhook, or to a person where one is given."""
    event_id = columns.get("event_id") or event(session).id
    receiver = {} if "user_id" in columns else {"webhook_id": columns.get("webhook_id") or webhook(session).id}
    body = {"type": "round.trained", "timestamp": "2026-11-28T06:45:56Z", "data": {"event": event_id, "path": "/admin"}}
    ended = columns.get("state", DeliveryState.WAITING) is not DeliveryState.WAITING
    defaults = {"event_id": event_id, "body": body, "ended_at": now() if ended else None, **receiver}
    return _add(session, Delivery, defaults, columns)


def picture(mark: int, size: int = SIZE) -> Image.Image:
    """A small picture by number: a disc or a square on another colour."""
    image = Image.new("RGB", (size, size), COLOURS[mark % len(COLOURS)])
    edge = size // 8 + mark % 5
    draw = ImageDraw.Draw(image).ellipse if mark % 2 else ImageDraw.Draw(image).rectangle
    draw((edge, edge, size - edge, size - edge), fill=COLOURS[(mark + 1 + mark // 6) % len(COLOURS)])
    return image


def sha256(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def now() -> datetime:
    return datetime.now(UTC)


def _add(session: Session, table: type[Row], defaults: dict[str, Any], columns: dict[str, Any]) -> Row:
    row = table(**{**defaults, **columns})
    session.add(row)
    session.flush()
    session.refresh(row)
    return row


def _store(artifacts: Artifacts | None, key: str, image: Image.Image, kind: str) -> Stored:
    buffer = io.BytesIO()
    image.save(buffer, kind, lossless=True)
    data = buffer.getvalue()
    return artifacts.put_bytes(key, data) if artifacts else Stored(key, len(data), hashlib.sha256(data).hexdigest())


def _no_file(key: str) -> dict[str, Any]:
    return {"name": key.rsplit("/", 1)[1], "key": key, "size": 0, "sha256": sha256(key)}
