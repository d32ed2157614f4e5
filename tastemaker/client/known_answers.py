"""Known answers: what is right for a pair, so that it can be shown as a test or in a warm-up. For admins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tastemaker.client.http import Http
from tastemaker.client.shapes import Answer


@dataclass(frozen=True)
class KnownAnswer:
    """What an admin said is right for a pair."""

    pair: int
    answer: Answer


@dataclass(frozen=True)
class JudgedPair:
    """A pair with what was set (None: nothing), what people said, and how often it was answered as a test."""

    pair: int
    round: int
    prompt: str
    first: int
    second: int
    answer: Answer | None
    votes: dict[str, Any]
    shown: int
    right: int


class KnownAnswers:
    """`client.known_answers`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self, study: int, *, only_set: bool = True) -> Iterator[JudgedPair]:
        """Pairs with an answer that an admin set, newest first; else all that have their choices."""
        return self._http.pages(JudgedPair, f"/studies/{study}/known-answers", only_set=only_set)

    def set(self, pair: int, answer: Answer) -> KnownAnswer:
        """Say what is right for a pair, in its own order. It counts from now on."""
        return self._http.one(KnownAnswer, "PUT", f"/pairs/{pair}/known-answer", body={"answer": answer})

    def remove(self, pair: int) -> None:
        """Take it back; where none was set, nothing changes."""
        self._http.json("DELETE", f"/pairs/{pair}/known-answer")
