"""Waiting for a child: until it answers, or until it has done its work; and what to say where it fails."""

import time
from collections.abc import Callable

from app.errors import OutOfSpace, TastemakerError, Unavailable
from app.supervisor.child import Child

READY_S = 120.0
POLL_S = 0.02


class PortTaken(Unavailable):
    """The child could not listen: its port was taken between the moment we chose it and its start."""


def wait_until(answers: Callable[[], bool], child: Child, patience: float = READY_S) -> None:
    """Return when `answers()` is true. Raises `failure` where the child ends, or is silent for `patience` seconds."""
    deadline = time.monotonic() + patience
    while not answers():
        if child.exit_code() is not None:
            child.wait()
            raise failure(child, "ended while it was starting")
        if time.monotonic() > deadline:
            child.stop()
            raise failure(child, f"did not answer within {patience:.0f} seconds")
        time.sleep(POLL_S)


def run_to_end(child: Child) -> None:
    """Start a child that works and ends by itself; raises as `failure` has it where it fails."""
    child.start()
    if child.wait() != 0:
        raise failure(child, "failed")


def failure(child: Child, happened: str) -> TastemakerError:
    """The error for a child that does not work, with its last lines and where the others are."""
    tail = child.log.tail()
    if "No space left on device" in tail or "Disk quota exceeded" in tail:
        return OutOfSpace(
            f"The disk is full: {child.spec.name} could not write to {child.log.path.parents[1]}.",
            "Free some space there and start again; nothing that was stored is lost.",
        )
    kind = PortTaken if "ddress already in use" in tail else Unavailable
    return kind(f"{child.spec.name} {happened}. Its last lines:\n{tail}\n", f"All of them are in {child.log.path}.")
