"""Asking again until something has come about."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from tastemaker.client.errors import TastemakerError
from tastemaker.client.shapes import JobState

AT_WORK = ("waiting", "running")


class Work(Protocol):
    """What a worker does for someone: how it stands, and what was wrong where it failed."""

    @property
    def state(self) -> JobState | None: ...
    @property
    def error(self) -> str | None: ...


T = TypeVar("T")
W = TypeVar("W", bound=Work)
Ready = Callable[[T], bool]


def until(ask: Callable[[], T], ready: Ready[T], *, timeout: float | None, every: float) -> T:
    """What `ask` says once `ready` of it, asked `every` so many seconds. Raises `TimeoutError` after `timeout` s."""
    end = None if timeout is None else time.monotonic() + timeout
    while not ready(now := ask()):
        if end is not None and time.monotonic() + every > end:
            raise TimeoutError(f"Not there within {timeout:g} s; this is how it stands: {now}")
        time.sleep(every)
    return now


def done(
    what: str, ask: Callable[[], W], failed: type[TastemakerError], *, on_progress: Callable[[W], None],
    timeout: float | None, every: float, ready: Ready[W] = lambda now: now.state == "done",
) -> W:  # fmt: skip
    """What `ask` says of `what` once that is `ready`; `on_progress` sees it each time. Raises `failed` where it ended
    otherwise, `TimeoutError`."""

    def over(now: W) -> bool:
        on_progress(now)
        return ready(now) or now.state in ("failed", "cancelled")

    ended = until(ask, over, timeout=timeout, every=every)
    if not ready(ended):
        raise failed(f"{what} is {ended.state}: {ended.error or 'it was called off.'}")
    return ended
