"""A study as a TOML file: what it asks, on which model and prompts, and what differs from its preset.

    name = "Mascots"
    question = "Which mascot would you put on the door?"
    model = "models/sd15"        # a folder, or a hub id with `revision`
    prompts = "prompts.txt"      # one prompt a line
    preset = "paper"

    [training]
    learning_rate = 1e-4

Paths are taken from the file's own folder.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Study, User
from app.models.base import Json
from app.services import base_models, prompt_sets, studies

BLOCKS = ("sampling", "labeling", "training")
TEXTS = ("name", "question", "model", "revision", "prompts", "preset")
NEEDED = ("name", "question", "model", "prompts")


@dataclass(frozen=True)
class StudyDraft:
    """A study before it is stored. `settings` holds what differs from the preset, by block."""

    name: str
    question: str
    model: str
    prompts: str
    revision: str | None
    preset: str
    seed: int | None
    settings: Json


def read(path: Path) -> StudyDraft:
    """The study in the file. Raises `BadInput` that says what is wrong with it."""
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as a study: {error}", "docs/worker.md shows such a file.") from error
    _check(path, values)
    model = path.parent / values["model"]
    return StudyDraft(
        name=values["name"],
        question=values["question"],
        model=str(model) if model.is_dir() else values["model"],
        prompts=read_prompts(path.parent / values["prompts"]),
        revision=values.get("revision"),
        preset=values.get("preset", "paper"),
        seed=values.get("seed"),
        settings={block: values[block] for block in BLOCKS if block in values},
    )


def read_prompts(path: Path) -> str:
    """The text of a prompt file. Raises `BadInput`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The prompt file {path} cannot be read: {error}", "It is a text file, a prompt a line."
        ) from error


def store(session: Session, draft: StudyDraft, *, actor: User | None) -> Study:
    """Register the draft's model and prompts, and make the study. Raises `BadInput`."""
    model = base_models.register(session, source=draft.model, revision=draft.revision, actor=actor)
    lines = prompt_sets.parse(draft.prompts)
    prompts = prompt_sets.create(session, name=draft.name, prompts=lines, actor=actor)
    return studies.create(
        session,
        name=draft.name,
        question=draft.question,
        base_model_id=model.id,
        prompt_set_id=prompts.id,
        preset=draft.preset,
        settings=draft.settings,
        seed=draft.seed,
        actor=actor,
    )


def _check(path: Path, values: dict[str, Any]) -> None:
    unknown = sorted(values.keys() - {*TEXTS, *BLOCKS, "seed"})
    if unknown:
        raise BadInput(f"{path}: there is no such entry: {', '.join(unknown)}.", f"Known: {', '.join(TEXTS)}, seed.")
    wrong = [name for name in TEXTS if name in values and not isinstance(values[name], str)]
    absent = [name for name in NEEDED if name not in values]
    if wrong or absent:
        said = [f"{name} is missing" for name in absent] + [f"{name} must be a text" for name in wrong]
        raise BadInput(f"{path}: {', '.join(said)}.", "docs/worker.md shows such a file.")
