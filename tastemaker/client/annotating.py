"""Answering pairs, as a person's own program or as a judge: the next pairs, their pictures, the answers."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tastemaker.client.http import Http
from tastemaker.client.shapes import Answer, Before, Choice, Next, Numbers, Pair, Side

MOST_AHEAD = 5  # pairs that a site gives out at once


@dataclass(frozen=True)
class Shown:
    """A pair with its two pictures, as they are encoded. `first` and `second` are the pair's own order, which answers
    are given in; nothing tells which policy drew which."""

    pair: Pair
    first: bytes
    second: bytes


Judge = Callable[[Shown], Answer]


class Annotating:
    """`client.annotating`. Answers count as the token's owner's."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def before(self, study: int) -> Before:
        """The study's guidelines and consent text, and what the caller has to do before the first pair."""
        return self._http.one(Before, "GET", f"/studies/{study}/before")

    def read_guidelines(self, study: int, version: str) -> Before:
        """Say that the guidelines of this version were read."""
        body = {"version": version}
        return self._http.one(Before, "POST", f"/studies/{study}/guidelines", body=body, repeatable=True)

    def agree(self, study: int, version: str) -> Before:
        """Agree to the consent text of this version."""
        body = {"version": version}
        return self._http.one(Before, "POST", f"/studies/{study}/consent", body=body, repeatable=True)

    def withdraw(self, study: int) -> Before:
        """Take consent back: no further pairs; what was answered stays."""
        return self._http.one(Before, "DELETE", f"/studies/{study}/consent")

    def next(self, study: int, count: int = 1) -> Next:
        """The caller's pairs, 5 at most: those that it holds already, then new ones."""
        return self._http.one(Next, "GET", f"/studies/{study}/next", params={"count": count})

    def picture(self, pair: Pair, which: Side) -> bytes:
        """One of the pair's pictures, as WebP (lossless up to 256 pixels)."""
        on_left = which == pair.left
        return self._http.content(pair.images.left if on_left else pair.images.right).content

    def answer(
        self, pair: Pair, answer: Answer, *, response_ms: int | None = None, key: uuid.UUID | None = None
    ) -> Choice:
        """Answer a pair in its own order, never the side of the screen. Raises `Conflict` where another answer of the
        caller's stands."""
        body = {
            "choice": answer, "lease": pair.lease, "response_ms": response_ms, "key": str(key or uuid.uuid4()),
        }  # fmt: skip
        return self._http.one(Choice, "POST", f"/pairs/{pair.pair}/choice", body=body, repeatable=True)

    def undo(self, choice: Choice) -> Choice:
        """Take an answer back; its pair is the caller's again for a while."""
        return self._http.one(Choice, "DELETE", f"/pairs/{choice.pair}/choice", params={"key": choice.key})

    def explain(self, choice: Choice, *, reasons: list[str] | None = None, comment: str = "") -> Choice:
        """Say why, by tags of the study and in words, where it asks for them."""
        body = {"reasons": reasons or [], "comment": comment}
        path = f"/pairs/{choice.pair}/choice"
        return self._http.one(Choice, "PATCH", path, params={"key": choice.key}, body=body, repeatable=True)

    def renew(self, pairs: list[Pair]) -> None:
        """Hold pairs for another while, where looking takes longer than a lease."""
        body = {"leases": [pair.lease for pair in pairs]}
        self._http.json("POST", "/leases/renew", body=body, repeatable=True)

    def give_back(self, pairs: list[Pair]) -> None:
        """Let others have pairs that the caller will not answer now."""
        form = {"leases": [pair.lease for pair in pairs]}
        self._http.json("POST", "/leases/give-back", form=form, repeatable=True)

    def mine(self, study: int) -> Numbers:
        """The caller's own numbers, without the last ten minutes."""
        return self._http.one(Numbers, "GET", f"/studies/{study}/me")

    def answer_all(
        self, study: int, judge: Judge, *, wait: bool = False, every: float = 2.0
    ) -> Iterator[tuple[Shown, Choice]]:
        """Let `judge` answer pair after pair, each as it is taken from the iterator, until none is left; with `wait`,
        until the site says that the caller is done, asking `every` so many seconds while pairs are being drawn or
        others hold them."""
        while True:
            dealt = self.next(study, MOST_AHEAD)
            for pair in dealt.pairs:
                started = time.monotonic()
                shown = Shown(pair, self.picture(pair, "first"), self.picture(pair, "second"))
                said = judge(shown)
                took = int((time.monotonic() - started) * 1000)
                yield shown, self.answer(pair, said, response_ms=took)
            if not dealt.pairs:
                if not wait or dealt.reason in ("done", "paused"):
                    return
                time.sleep(every)
