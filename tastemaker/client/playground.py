"""The playground: a prompt of one's own, drawn by the base and by checkpoints of a study at the same noise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tastemaker.client.http import Http
from tastemaker.client.shapes import JobState, Json
from tastemaker.client.waiting import AT_WORK, until


@dataclass(frozen=True)
class Part:
    """A checkpoint in a policy: its id, its number in the study, and the LoRA's scale."""

    checkpoint: int
    number: int
    weight: float


@dataclass(frozen=True)
class PlayedPolicy:
    """A policy (without parts: the base) and the addresses of its pictures, one of each noise."""

    parts: list[Part]
    images: list[str]


@dataclass(frozen=True)
class PlaygroundTry:
    """A try: pictures are there once it is `done`, and stay until it is removed."""

    id: int
    study: int
    prompt: str
    seed: int
    draws: int
    eta: float
    sampling: Json
    policies: list[PlayedPolicy]
    truncated: bool
    state: JobState
    error: str | None
    done: int
    total: int
    seconds_left: float | None
    seconds: float | None
    page: str
    created_at: datetime


@dataclass(frozen=True)
class SavedPrompt:
    """The version of the prompt set that has the prompt now; the study keeps `study_version`."""

    prompt_set: int
    name: str
    version: int
    study_version: int


class Playground:
    """`client.playground`: one's own tries, and anyone's by its id."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def ask(
        self, study: int, prompt: str, policies: Sequence[Mapping[int, float]], *, negative_prompt: str | None = None,
        steps: int | None = None, eta: float | None = None, guidance: float | None = None, seed: int | None = None,
        draws: int = 1, key: str | None = None,
    ) -> PlaygroundTry:  # fmt: skip
        """Have a prompt drawn. Each policy says the weights of its checkpoints, by their ids: `{}` is the base,
        `{3: 1.0}` a checkpoint as it was trained, `{3: 0.5, 4: 0.5}` two that are mixed. What is left out is as the
        study has it. Raises `TooMany` while three of one's tries are at work."""
        body = {
            "prompt": prompt,
            "policies": [[{"checkpoint": one, "weight": weight} for one, weight in each.items()] for each in policies],
            "negative_prompt": negative_prompt, "steps": steps, "eta": eta, "guidance": guidance, "seed": seed,
            "draws": draws,
        }  # fmt: skip
        return self._http.one(PlaygroundTry, "POST", f"/studies/{study}/playground", body=body, key=key)

    def wait(self, try_: int, *, timeout: float | None = None, every: float = 1.0) -> PlaygroundTry:
        """Wait until it has ended, whichever way: its `state` tells. Raises `TimeoutError`."""
        return until(lambda: self.get(try_), lambda now: now.state not in AT_WORK, timeout=timeout, every=every)

    def all(self, *, study: int | None = None) -> Iterator[PlaygroundTry]:
        """One's own tries, newest first."""
        return self._http.pages(PlaygroundTry, "/playground", study=study)

    def get(self, try_: int) -> PlaygroundTry:
        return self._http.one(PlaygroundTry, "GET", f"/playground/{try_}")

    def picture(self, address: str) -> bytes:
        """The picture at an address of `images`, as WebP."""
        return self._http.content(address).content

    def stop(self, try_: int) -> PlaygroundTry:
        return self._http.one(PlaygroundTry, "POST", f"/playground/{try_}/stop")

    def remove(self, try_: int) -> None:
        """Remove a try with its pictures."""
        self._http.json("DELETE", f"/playground/{try_}")

    def save_prompt(self, try_: int) -> SavedPrompt:
        """Make its prompt an evaluation prompt: the next version of the study's prompt set."""
        return self._http.one(SavedPrompt, "POST", f"/playground/{try_}/prompt")
