"""A study as a TOML file: what it asks, on which model and prompts, and what differs from its preset.

    name = "Mascots"
    question = "Which mascot would you put on the door?"
    model = "models/sd15"        # a folder, or a hub id with `revision`
    prompts = "prompts.txt"      # a text file, one prompt a line
    preset = "paper"

    [training]
    learning_rate = 1e-4

Paths are taken from the file's own folder. In place of a file's name `prompts` may be the list itself: texts as they
stand in such a file, or tables with `text`, and where wanted `split` and `weight`. That is what an export writes.
`none` of TOML's missing null is written as an empty string.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Split, Study, User
from app.models.base import Json
from app.services import base_models, prompt_sets, prompt_texts, studies
from app.services.prompt_texts import PromptLine
from app.study_settings import BLOCKS, StudySettings, load_preset, validated

TEXTS = ("name", "question", "model", "revision", "preset")
NEEDED = ("name", "question", "model", "prompts")
HELP = "docs/worker.md shows such a file."


@dataclass(frozen=True)
class StudyDraft:
    """A study before it is stored. `settings` holds what differs from the preset, by block."""

    name: str
    question: str
    model: str
    prompts: Sequence[PromptLine]
    revision: str | None
    preset: str
    seed: int | None
    settings: Json


def read(path: Path) -> StudyDraft:
    """The study in the file. Raises `BadInput` that says what is wrong with it."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as a study: {error}", HELP) from error
    return parse(text, name=str(path), folder=path.parent)


def parse(text: str, *, name: str, folder: Path | None = None) -> StudyDraft:
    """The study in `text`, which came from the file `name`; other files are read from `folder` alone, if one is given.

    Raises `BadInput` that says what is wrong with it.
    """
    try:
        values = tomllib.loads(text)
    except ValueError as error:
        raise BadInput(f"{name} cannot be read as a study: {error}", HELP) from error
    _check(name, values)
    model = folder / values["model"] if folder else None
    seed = values.get("seed")
    return StudyDraft(
        name=values["name"],
        question=values["question"],
        model=str(model) if model is not None and model.is_dir() else values["model"],
        prompts=_prompts(name, values["prompts"], folder),
        revision=values.get("revision") or None,
        preset=values.get("preset", "paper"),
        seed=seed,
        settings={block: values[block] for block in BLOCKS if block in values},
    )


def read_prompts(path: Path) -> list[PromptLine]:
    """The prompts in a text file. Raises `BadInput`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The prompt file {path} cannot be read: {error}", "It is a text file, a prompt a line."
        ) from error
    return prompt_sets.parse(text)


def store(session: Session, draft: StudyDraft, *, actor: User | None) -> Study:
    """Register the draft's model and prompts, and make the study. Raises `BadInput`."""
    model = base_models.register(session, source=draft.model, revision=draft.revision, actor=actor)
    prompts = prompt_sets.create(session, name=draft.name, prompts=draft.prompts, actor=actor)
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


def of_study(session: Session, study_id: int) -> StudyDraft:
    """The study as a draft that `store` makes the same study of. Raises `NotFound`."""
    study = studies.get(session, study_id)
    model = base_models.get(session, study.base_model_id)
    return StudyDraft(
        name=study.name,
        question=study.question,
        model=model.source,
        prompts=prompt_sets.lines_of(session, study.prompt_set_id),
        revision=model.revision or None,
        preset=study.preset,
        seed=study.seed,
        settings=differences(validated(study.settings), load_preset(study.preset)[0]),
    )


def differences(settings: StudySettings, base: StudySettings) -> Json:
    """What differs from `base`, by block and field; blocks in which nothing does are left out."""
    before, after = base.model_dump(), settings.model_dump()
    found = {
        block: {field: value for field, value in fields.items() if before[block][field] != value}
        for block, fields in after.items()
    }
    return {block: fields for block, fields in found.items() if fields}


def write(draft: StudyDraft) -> str:
    """The draft as TOML that `parse` reads."""
    head = {"name": draft.name, "question": draft.question, "model": draft.model, "revision": draft.revision}
    lines = [f"{key} = {_value(value)}" for key, value in head.items() if value is not None]
    lines.append(f"preset = {_value(draft.preset)}")
    if draft.seed is not None:
        lines.append(f"seed = {draft.seed}")
    lines += ["prompts = [", *(f"    {_prompt(prompt)}," for prompt in draft.prompts), "]"]
    for block, fields in draft.settings.items():
        lines += ["", f"[{block}]", *(f"{key} = {_value(value)}" for key, value in fields.items())]
    return "\n".join(lines) + "\n"


def _prompt(prompt: PromptLine) -> str:
    if prompt.weight == 1:
        return _value(prompt_texts.as_line(prompt))
    return f'{{ text = {_value(prompt.text)}, split = "{prompt.split}", weight = {prompt.weight} }}'


def _value(value: Any) -> str:
    """A value as TOML writes it; none as an empty text. JSON's strings are TOML's, but for the character DEL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    return json.dumps(value or "", ensure_ascii=False).replace("\x7f", "\\u007f")


def _prompts(name: str, given: Any, folder: Path | None) -> list[PromptLine]:
    if isinstance(given, str):
        if folder is None:
            raise BadInput(
                f"{name} names the prompt file {given}, which is not here.",
                "Write the prompts into the file, as a list.",
            )
        return read_prompts(folder / given)
    if not given:
        raise BadInput(f"{name}: prompts is an empty list.", HELP)
    return [line for entry in given for line in _listed(name, entry)]


def _listed(name: str, entry: Any) -> list[PromptLine]:
    """A prompt of the list in the file: a text as in plain lines, or a table."""
    if isinstance(entry, str):
        return [PromptLine(one.text, one.split or Split.BOTH) for one in prompt_texts.read(entry)]
    if (
        not isinstance(entry, dict)
        or not isinstance(entry.get("text"), str)
        or entry.keys() - {"text", "split", "weight"}
    ):
        raise BadInput(f"{name}: a prompt is a text, or a table with text, split and weight, not {entry!r}.", HELP)
    split, weight = entry.get("split", "both"), entry.get("weight", 1)
    if split not in set(Split) or not isinstance(weight, int):
        raise BadInput(f"{name}: the prompt {entry['text']!r} has a split or a weight that cannot be used.", HELP)
    return [PromptLine(entry["text"].strip(), Split(split), weight)]


def _check(name: str, values: dict[str, Any]) -> None:
    unknown = sorted(values.keys() - {*TEXTS, *BLOCKS, "prompts", "seed"})
    if unknown:
        raise BadInput(
            f"{name}: there is no such entry: {', '.join(unknown)}.", f"Known: {', '.join(TEXTS)}, prompts, seed."
        )
    wrong = [text for text in TEXTS if text in values and not isinstance(values[text], str)]
    absent = [text for text in NEEDED if text not in values]
    said = [f"{text} is missing" for text in absent] + [f"{text} must be a text" for text in wrong]
    if not isinstance(values.get("prompts", ""), str | list):
        said.append("prompts must be a text or a list")
    if not isinstance(values.get("seed", 0), int) or isinstance(values.get("seed"), bool):
        said.append("seed must be a whole number")
    said += [f"{block} must be a table" for block in BLOCKS if not isinstance(values.get(block, {}), dict)]
    if said:
        raise BadInput(f"{name}: {', '.join(said)}.", HELP)
