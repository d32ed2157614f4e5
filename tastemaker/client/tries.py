"""Tries: two pictures drawn to see what sampling settings do, of a study or of a base model. For admins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tastemaker.client.http import Http
from tastemaker.client.shapes import JobState, Json
from tastemaker.client.waiting import AT_WORK, until


@dataclass(frozen=True)
class Try:
    """A try, kept for a day: the addresses of its `images` are there once it is `done`."""

    id: int
    prompt: str
    state: JobState
    error: str | None
    seconds: float | None
    loading_seconds: float | None
    sampling: Json
    images: list[str]
    created_at: datetime


class Tries:
    """`client.tries`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def ask(
        self, *, study: int | None = None, base_model: int | None = None, preset: str = "paper",
        sampling: dict[str, Any] | None = None, prompt: str | None = None, seed: int | None = None,
    ) -> Try:  # fmt: skip
        """Have two pictures drawn: of a study (its first prompt, unless one is given), or of the id of a base model
        with a preset and a prompt; `sampling` says which settings differ. Raises `TooMany` while three of one's tries
        are at work."""
        body = {
            "study": study, "base_model": base_model, "preset": preset, "sampling": sampling or {}, "prompt": prompt,
            "seed": seed,
        }  # fmt: skip
        return self._http.one(Try, "POST", "/tries", body=body)

    def get(self, try_: int) -> Try:
        return self._http.one(Try, "GET", f"/tries/{try_}")

    def wait(self, try_: int, *, timeout: float | None = None, every: float = 1.0) -> Try:
        """Wait until it has ended, whichever way: its `state` tells. Raises `TimeoutError`."""
        return until(lambda: self.get(try_), lambda now: now.state not in AT_WORK, timeout=timeout, every=every)

    def picture(self, address: str) -> bytes:
        """The picture at an address of `images`, as WebP."""
        return self._http.content(address).content
