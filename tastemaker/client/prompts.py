"""Prompt sets: made, read, looked at before they are made; how a study's prompts fare."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tastemaker.client.http import Http
from tastemaker.client.shapes import Share

Split = Literal["train", "eval", "both"]
Form = Literal["lines", "csv", "jsonl"]
Splitting = Literal["lines", "both", "share"]


@dataclass(frozen=True)
class PromptList:
    """A list that is shipped; its name is what `create(ready=…)` takes."""

    name: str
    title: str
    about: str
    licence: str
    prompts: int


@dataclass(frozen=True)
class PromptSet:
    """One version of a set; it never changes."""

    id: int
    name: str
    version: int
    sha256: str
    prompts: int
    train: int
    evaluation: int
    studies: int
    created_at: datetime


@dataclass(frozen=True)
class SetPrompt:
    """A prompt of a set. `number` counts from 0."""

    number: int
    text: str
    split: Split
    weight: int


@dataclass(frozen=True)
class PromptSetDetail(PromptSet):
    """A version with its prompts, and all versions of its name, newest first."""

    versions: list[PromptSet]
    items: list[SetPrompt]


@dataclass(frozen=True)
class Reviewed:
    """A line of a list, counted from 1. `repeats` is the line that said the same before."""

    line: int
    text: str
    split: Split
    weight: int
    repeats: int | None
    left_out: bool
    over_limit: bool


@dataclass(frozen=True)
class Review:
    """What a list would become."""

    prompts: int
    train: int
    evaluation: int
    lines: list[Reviewed]


@dataclass(frozen=True)
class PromptFigures(SetPrompt):
    """How one prompt of a study fares: groups drawn from it, what people said of its pairs, how often two of them said
    the same, and the shares of comparisons."""

    drawn: int
    answers: int
    skips: int
    agreement: float | None
    newer_wins: Share
    ties: Share
    both_bad: Share


@dataclass(frozen=True)
class StudyPrompts:
    """All prompts of a study, over so many of its newest rounds."""

    preference_rounds: int
    comparisons: int
    prompts: list[PromptFigures]


class Prompts:
    """`client.prompts`. Making a set needs an admin's token.

    A list is given as `text`, written as `form` says, or by the name of one that is shipped, as `ready`.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def ready(self) -> list[PromptList]:
        """Lists that are shipped."""
        return self._http.many(PromptList, "/prompt-lists")

    def all(self) -> Iterator[PromptSet]:
        """The newest version of each set."""
        return self._http.pages(PromptSet, "/prompt-sets")

    def get(self, prompt_set: int) -> PromptSetDetail:
        return self._http.one(PromptSetDetail, "GET", f"/prompt-sets/{prompt_set}")

    def create(
        self, name: str, *, text: str | None = None, ready: str | None = None, form: Form = "lines",
        splitting: Splitting = "lines", held: float = 0.2, keep_repeats: bool = False,
    ) -> PromptSetDetail:  # fmt: skip
        """A set, or the next version of the one of this name; a list that equals its newest version gives that."""
        body = {"name": name, **_list(text, ready, form, splitting, held, keep_repeats)}
        return self._http.one(PromptSetDetail, "POST", "/prompt-sets", body=body, repeatable=True)

    def preview(
        self, *, text: str | None = None, ready: str | None = None, form: Form = "lines",
        splitting: Splitting = "lines", held: float = 0.2, keep_repeats: bool = False, base_model: int | None = None,
    ) -> Review:  # fmt: skip
        """What a list would become; with the id of a base model, also what its text encoder would cut. Nothing is
        stored."""
        body = {"base_model": base_model, **_list(text, ready, form, splitting, held, keep_repeats)}
        return self._http.one(Review, "POST", "/prompt-sets/preview", body=body, repeatable=True)


def _list(
    text: str | None, ready: str | None, form: Form, splitting: Splitting, held: float, keep_repeats: bool
) -> dict[str, Any]:
    return {
        "text": text, "ready": ready, "form": form, "splitting": splitting, "held": held, "keep_repeats": keep_repeats,
    }  # fmt: skip
