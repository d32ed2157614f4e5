"""What is said of an error, and whether trying again can help. Tracebacks go to the log, sentences to the page."""

import errno
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError

from app.errors import Damaged, NotFound, TastemakerError, Unavailable
from app.models import JobKind
from worker.d3po.errors import D3POError
from worker.judges import JudgeError

MAY_PASS = (Unavailable, Damaged, NotFound)  # a full disk, a server that is away, a file that can be made again
SMALLER = {
    JobKind.CHUNK: "the sampling batch",
    JobKind.EVALUATION: "the sampling batch",
    JobKind.TRY_IT: "the pictures' height and width",
    JobKind.TRAINING: "micro_batch (retry with other settings), or switch gradient_checkpointing on",
}


@dataclass(frozen=True)
class Failure:
    """What happened and what to do; `for_good` where every further attempt would end the same way."""

    message: str
    for_good: bool


def describe(error: Exception, kind: JobKind) -> Failure:
    """The failure as people read it."""
    if isinstance(error, TastemakerError):
        return Failure(str(error), for_good=not isinstance(error, MAY_PASS))
    if isinstance(error, D3POError | JudgeError):
        return Failure(str(error), for_good=True)
    if _is_out_of_memory(error):
        return Failure(
            f"The device ran out of memory. Make {SMALLER.get(kind, 'what it works on')} smaller, then retry.",
            for_good=False,
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure("The worker's disk is full. Free some space there, then retry.", for_good=False)
    if isinstance(error, OperationalError):
        return Failure(f"The database did not answer: {error.orig}. Check it, then retry.", for_good=False)
    said = str(error).strip().splitlines()
    return Failure(
        f"An unexpected error: {type(error).__name__}{': ' + said[0] if said else ''}. "
        "The worker's log has the details; retry, and report it if it stays.",
        for_good=False,
    )


def _is_out_of_memory(error: Exception) -> bool:
    """torch raises a class of its own on an accelerator, and a plain RuntimeError on a CPU."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "can't allocate memory" in said
