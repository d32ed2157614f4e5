"""A prompt list before it is stored: its splits, its repeats, and what the preview says of each line."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.errors import BadInput
from app.models import BaseModel, Split
from app.services import draws, prompt_texts, prompt_tokens
from app.services.prompt_texts import Form, PromptLine, Written


class Splitting(StrEnum):
    """How prompts are divided among training and evaluation."""

    LINES = "lines"  # as the lines say; a line that says nothing is used for both
    BOTH = "both"  # every prompt for both, whatever the lines say
    SHARE = "share"  # a share is held for evaluation, the rest trains


@dataclass(frozen=True)
class Draft:
    """A list as the form or the API gives it. `held` is the share that `Splitting.SHARE` holds for evaluation."""

    text: str
    form: Form = Form.LINES
    splitting: Splitting = Splitting.LINES
    held: float = 0.2
    keep_repeats: bool = False


@dataclass(frozen=True)
class DraftLine:
    """One line of the preview. `repeats` is the line that said the same before; `left_out`: it is not stored for it."""

    line: int
    prompt: PromptLine
    repeats: int | None
    left_out: bool
    over_limit: bool


@dataclass(frozen=True)
class Review:
    """What the preview shows."""

    lines: Sequence[DraftLine]

    @property
    def kept(self) -> list[PromptLine]:
        """The prompts as they would be stored."""
        return [line.prompt for line in self.lines if not line.left_out]

    @property
    def repeats(self) -> list[DraftLine]:
        return [line for line in self.lines if line.repeats is not None]

    @property
    def over_limit(self) -> list[DraftLine]:
        return [line for line in self.lines if line.over_limit and not line.left_out]

    def count(self, split: Split) -> int:
        """How many of the kept prompts are used for training, or for evaluation."""
        return sum(prompt.split in (split, Split.BOTH) for prompt in self.kept)


def review(draft: Draft, *, model: BaseModel | None = None) -> Review:
    """Read the list and look at every line; `model` is the one whose text encoder's limit is looked at.

    Raises `BadInput` that names lines that cannot be read.
    """
    found = prompt_texts.read(draft.text, draft.form)
    splits = _splits(found, draft)
    weights = prompt_texts.whole_weights([one.weight for one in found])
    first = _repeats(found, splits)
    over = _over_limit(found, model)
    return Review(
        [
            DraftLine(
                line=one.line,
                prompt=PromptLine(one.text, splits[place], weights[place]),
                repeats=first.get(place),
                left_out=place in first and not draft.keep_repeats,
                over_limit=place in over,
            )
            for place, one in enumerate(found)
        ]
    )


def normalised(text: str) -> str:
    """The text without what makes no difference to a reader: letter case and how many blanks stand between words."""
    return " ".join(text.split()).casefold()


def _splits(found: Sequence[Written], draft: Draft) -> list[Split]:
    if draft.splitting is Splitting.BOTH:
        return [Split.BOTH] * len(found)
    if draft.splitting is Splitting.LINES:
        return [one.split or Split.BOTH for one in found]
    held = _held(found, draft.held)
    return [Split.EVAL if normalised(one.text) in held else Split.TRAIN for one in found]


def _held(found: Sequence[Written], share: float) -> set[str]:
    """The texts held for evaluation: those whose hashes are smallest, so that an edited list holds mostly the same."""
    if not 0 < share < 1:
        raise BadInput(f"{share:g} is no share of prompts to hold.", fields={"held": "above 0 and below 1"})
    texts = sorted({normalised(one.text) for one in found}, key=lambda text: draws.fraction(f"held/{text}"))
    if len(texts) < 2:
        said = "holding some for evaluation needs two prompts or more"
        raise BadInput(f"There are too few prompts: {said}.", fields={"held": said})
    return set(texts[: min(max(round(share * len(texts)), 1), len(texts) - 1)])


def _repeats(found: Sequence[Written], splits: Sequence[Split]) -> dict[int, int]:
    """For each place whose prompt stood before in one of its splits: the line where."""
    seen: dict[tuple[str, Split], int] = {}
    first = {}
    for place, (one, split) in enumerate(zip(found, splits, strict=True)):
        keys = [(normalised(one.text), each) for each in _uses(split)]
        before = next((seen[key] for key in keys if key in seen), None)
        if before is not None:
            first[place] = before
            continue
        seen |= dict.fromkeys(keys, one.line)
    return first


def _uses(split: Split) -> tuple[Split, ...]:
    return (Split.TRAIN, Split.EVAL) if split is Split.BOTH else (split,)


def _over_limit(found: Sequence[Written], model: BaseModel | None) -> set[int]:
    if model is None:
        return set()
    texts = [one.text for one in found]
    return set(prompt_tokens.over_limit(texts, pipeline=Path(model.source), limit=model.token_limit))
