"""Prompt sets: read from text, stored as versions that never change, measured against a tokenizer's limit."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import Prompt, PromptSet, Split, User
from app.services import events, prompt_texts, prompt_tokens
from app.services.canonical import sha256_of
from app.services.prompt_texts import MOST_WEIGHT, PromptLine

MOST_NAME = 200


def parse(text: str) -> list[PromptLine]:
    """One prompt a line; `train:`, `eval:` or `both:` before it names its split; blank and # lines are passed over.

    Raises `BadInput` where nothing is left, a prompt stands twice in a split, or a split has no prompt.
    """
    lines = [PromptLine(one.text, one.split or Split.BOTH) for one in prompt_texts.read(text)]
    _check(lines)
    return lines


def create(session: Session, *, name: str, prompts: Sequence[PromptLine], actor: User | None) -> PromptSet:
    """Store the list as a set of this name: the newest version if it is the same list, else the next version."""
    lines, name = list(prompts), name.strip()
    if not 0 < len(name) <= MOST_NAME:
        raise BadInput("A prompt set needs a name.", fields={"name": f"1 to {MOST_NAME} characters"})
    _check(lines)
    sha256 = sha256_of([_content(line) for line in lines])
    newest = session.scalars(
        select(PromptSet).where(PromptSet.name == name).order_by(PromptSet.version.desc()).limit(1)
    ).one_or_none()
    if newest is not None and newest.sha256 == sha256:
        return newest
    prompt_set = PromptSet(name=name, version=newest.version + 1 if newest else 1, sha256=sha256)
    session.add(prompt_set)
    session.flush()
    session.add_all(
        Prompt(prompt_set_id=prompt_set.id, number=number, text=line.text, split=line.split, weight=line.weight)
        for number, line in enumerate(lines)
    )
    events.write(
        session,
        "prompt_set.created",
        prompt_set,
        actor=actor,
        name=name,
        version=prompt_set.version,
        prompts=len(lines),
    )
    return prompt_set


def get(session: Session, prompt_set_id: int) -> PromptSet:
    prompt_set = session.get(PromptSet, prompt_set_id)
    if prompt_set is None:
        raise NotFound(f"There is no prompt set {prompt_set_id}.")
    return prompt_set


def prompts_of(session: Session, prompt_set_id: int, *splits: Split) -> list[Prompt]:
    """The set's prompts in their order; only those in these splits (or in `both`) where any is named."""
    query = select(Prompt).where(Prompt.prompt_set_id == prompt_set_id).order_by(Prompt.number)
    if splits:
        query = query.where(Prompt.split.in_((*splits, Split.BOTH)))
    return list(session.scalars(query))


def lines_of(session: Session, prompt_set_id: int) -> list[PromptLine]:
    """The set's prompts as an edit begins with them."""
    return [PromptLine(row.text, row.split, row.weight) for row in prompts_of(session, prompt_set_id)]


def count(session: Session, prompt_set_id: int) -> int:
    return session.scalar(select(func.count()).where(Prompt.prompt_set_id == prompt_set_id)) or 0


def over_limit(prompts: Sequence[Prompt], *, pipeline: Path, limit: int) -> list[int]:
    """The numbers of prompts that the pipeline's text encoder would cut: they are kept, and marked on the page."""
    places = prompt_tokens.over_limit([prompt.text for prompt in prompts], pipeline=pipeline, limit=limit)
    return [prompts[place].number for place in places]


def _content(line: PromptLine) -> list[str | int]:
    """What the set's hash is made of. A weight of 1 is left out: sets from before weights keep theirs."""
    return [line.text, line.split, *([line.weight] if line.weight != 1 else [])]


def _check(lines: list[PromptLine]) -> None:
    if not lines:
        raise BadInput("The prompt list is empty.", "Write one prompt a line.", fields={"prompts": "is empty"})
    if not all(1 <= line.weight <= MOST_WEIGHT for line in lines):
        said = f"weights are whole numbers from 1 to {MOST_WEIGHT}"
        raise BadInput(f"A prompt's weight cannot be used: {said}.", fields={"prompts": said})
    for split in (Split.TRAIN, Split.EVAL):
        texts = Counter(line.text for line in lines if line.split in (split, Split.BOTH))
        if not texts:
            raise BadInput(
                f"No prompt is in the split {split.value!r}.",
                "Leave out the prefix to use a prompt for both, or give each split at least one.",
                fields={"prompts": f"none for {split.value}"},
            )
        twice = sorted(text for text, count in texts.items() if count > 1)
        if twice:
            raise BadInput(
                f"These prompts stand more than once: {', '.join(repr(text) for text in twice[:5])}.",
                "Keep each once.",
                fields={"prompts": "holds duplicates"},
            )
