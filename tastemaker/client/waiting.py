"""Asking again until something has come about."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Ready = Callable[[T], bool]


def until(ask: Callable[[], T], ready: Ready[T], *, timeout: float | None, every: float) -> T:
    """What `ask` says once `ready` of it, asked `every` so many seconds. Raises `TimeoutError` after `timeout` s."""
    end = None if timeout is None else time.monotonic() + timeout
    while not ready(now := ask()):
        if end is not None and time.monotonic() + every > end:
            raise TimeoutError(f"Not there within {timeout:g} s; this is how it stands: {now}")
        time.sleep(every)
    return now
