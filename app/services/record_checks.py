"""Whether what is stored is still what a checkpoint was made from: its frozen list, settings, choices and files, held
against the record that was written with it. Read-only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.errors import Damaged, NotFound
from app.models import BaseModel, Checkpoint, Choice, Sample, User
from app.models.base import Json
from app.services import preferences, provenance
from app.services.canonical import sha256_of
from app.services.provenance import Behind


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was recorded. `what` is `choice`, `training_set`, `settings`, `base_model`, `parent`,
    `samples` or `file`; `name` says which of them."""

    what: str
    name: str
    recorded: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.what.replace('_', ' ')} {self.name}: recorded {_said(self.recorded)}, found {_said(self.found)}"

    def as_json(self) -> Json:
        return asdict(self)


def of_rows(session: Session, behind: Behind) -> list[Difference]:
    """What differs among the checkpoint's rows."""
    return [
        *_frozen_list(behind),
        *_settings(behind),
        *_origin(session, behind),
        *_samples(session, behind),
        *_choices(behind.frozen.items, provenance.choices_of(session, behind.frozen.items)),
    ]


def of_files(behind: Behind, parent: Checkpoint | None, artifacts: Artifacts) -> list[Difference]:
    """What differs among the files of the checkpoint, and those of its parent that training starts from. Trajectories
    are left to whoever reads them."""
    named = dict(behind.checkpoint.files)
    if parent is not None:
        named |= {"parent's peft": parent.files["peft"]}
        if parent.optimizer is not None:
            named |= {"parent's optimizer": parent.optimizer}
    return [found for file in named.values() if (found := file_difference(artifacts, file["key"], file["sha256"]))]


def file_difference(artifacts: Artifacts, key: str, sha256: str | None) -> Difference | None:
    """How the stored file differs from what was written; none where it does not."""
    try:
        artifacts.get_bytes(key, sha256)
    except NotFound:
        return Difference("file", key, sha256, "missing")
    except Damaged:
        return Difference("file", key, sha256, "other bytes")
    return None


def _frozen_list(behind: Behind) -> Iterator[Difference]:
    """The list itself, by its hash as it stands in the record, beside it and over it."""
    recorded = behind.checkpoint.provenance.get("training_set", {}).get("sha256", behind.frozen.sha256)
    for found in {behind.frozen.sha256, sha256_of(behind.frozen.items)} - {recorded}:
        yield Difference("training_set", f"{behind.frozen.number} of round {behind.round_.number}", recorded, found)


def _settings(behind: Behind) -> Iterator[Difference]:
    record = behind.checkpoint.provenance
    yield from _fields("training", record.get("run", {}).get("training"), behind.run.settings)
    yield from _fields("sampling", record.get("round", {}).get("sampling"), behind.round_.settings["sampling"])
    yield from _fields("study", record.get("study"), {"seed": behind.study.seed})


def _fields(block: str, recorded: Mapping[str, Any] | None, found: Mapping[str, Any]) -> Iterator[Difference]:
    """Each field of a block that has another value now; of those that both sides know."""
    for name in (recorded or {}).keys() & found.keys():
        if recorded is not None and recorded[name] != found[name]:
            yield Difference("settings", f"{block}.{name}", recorded[name], found[name])


def _origin(session: Session, behind: Behind) -> Iterator[Difference]:
    """The base model, and the checkpoint that it started from."""
    record = behind.checkpoint.provenance
    model = session.get_one(BaseModel, behind.study.base_model_id)
    recorded = record.get("base_model", {}).get("files_sha256", model.files_sha256)
    if recorded != model.files_sha256:
        yield Difference("base_model", model.name, recorded, model.files_sha256)
    if behind.checkpoint.parent_id is not None:
        parent = session.get_one(Checkpoint, behind.checkpoint.parent_id)
        before = (record.get("parent") or {}).get("adapter_sha256", parent.adapter_sha256)
        if before != parent.adapter_sha256:
            yield Difference("parent", f"checkpoint {parent.number}", before, parent.adapter_sha256)


def _samples(session: Session, behind: Behind) -> Iterator[Difference]:
    """The SHA-256 of all trajectories together; checkpoints made before it was recorded are not checked."""
    recorded = behind.checkpoint.provenance.get("training_set", {}).get("trajectories_sha256")
    rows: dict[int, Sample] = provenance.samples_of(session, behind.frozen.items)
    found = provenance.trajectories_sha256(rows)
    if recorded is not None and recorded != found:
        yield Difference("samples", f"{len(rows)} trajectories", recorded, found)


def _choices(items: Sequence[Json], made: Mapping[int, tuple[Choice, User]]) -> Iterator[Difference]:
    """Pairs whose choices no longer say what was frozen: one is gone, was taken back since, or reads otherwise.

    The list holds each pair's p, not each choice's answer: p is what is compared."""
    for item in items:
        there = [made[one][0] for one in item["choices"] if one in made]
        for one in set(item["choices"]) - made.keys():
            yield Difference("choice", f"{one} of pair {item['pair']}", f"p = {item['p']:g}", "gone")
        for choice in there:
            if choice.undone_at is not None:
                found = f"taken back at {choice.undone_at.isoformat(timespec='seconds')}"
                yield Difference("choice", f"{choice.id} of pair {item['pair']}", f"p = {item['p']:g}", found)
        p = preferences.probability([choice.answer for choice in there])
        if len(there) == len(item["choices"]) and p != item["p"]:
            said = ", ".join(f"{choice.answer.value}" for choice in there)
            names = ", ".join(str(choice.id) for choice in there)
            name = f"{names} of pair {item['pair']}"
            yield Difference("choice", name, f"p = {item['p']:g}", f"{said}: {_probability(p)}")


def _probability(p: float | None) -> str:
    return "no p" if p is None else f"p = {p:g}"


def _said(value: Any) -> str:
    return f"{value[:12]}…" if isinstance(value, str) and len(value) == 64 else str(value)
