"""Watching children: one that ends is started again after a pause that grows, and given up after a row of failures."""

import signal
import time
from dataclasses import dataclass
from typing import NoReturn

from app.supervisor.child import Child
from app.supervisor.logs import Say
from app.supervisor.readiness import failure

TICK_S = 0.2
FIRST_PAUSE_S = 0.5
SETTLED_S = 30.0
FAILURES = 5


@dataclass
class Record:
    """How often in a row a child ended soon after its start, and when it is due to start again."""

    failures: int = 0
    due: float | None = None


def watch(children: list[Child], say: Say) -> NoReturn:
    """Keep the children running until an exception ends it: Ctrl+C, or `failure` for one that will not stay up."""
    records = [Record() for _ in children]
    while True:
        time.sleep(TICK_S)
        for child, record in zip(children, records, strict=True):
            look_after(child, record, say)


def look_after(child: Child, record: Record, say: Say) -> None:
    """Notice that a child ended, or start it again when that is due."""
    if record.due is not None:
        if time.monotonic() >= record.due:
            record.due = None
            child.start()
        return
    code = child.exit_code()
    if code is None:
        return
    lived = time.monotonic() - child.started_at
    record.failures = 1 if lived > SETTLED_S else record.failures + 1
    if record.failures > FAILURES:
        raise failure(child, f"ended {record.failures} times in a row, the last time {how(code)}")
    pause = FIRST_PAUSE_S * 2 ** (record.failures - 1)
    record.due = time.monotonic() + pause
    say(f"{child.spec.name} ended {how(code)}; starting it again in {pause:g} s. Its log: {child.log.path}")


def how(code: int) -> str:
    """An exit code in words."""
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
