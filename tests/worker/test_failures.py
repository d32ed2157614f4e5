"""What is said of an error, and whether trying again can help."""

import errno

import pytest

from app.errors import Damaged, OutOfSpace, Refused
from app.models import JobKind
from worker.d3po.errors import DivergedError, ModelError
from worker.failures import describe

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "for_good", "said"),
    [
        (Refused("Other weights.", "Put them back."), True, "Other weights. Put them back."),
        (DivergedError(3, "The loss is nan. Try a lower learning rate."), True, "The loss is nan."),
        (ModelError("No such model."), True, "No such model."),
        (OutOfSpace("The disk is full.", "Free some space."), False, "Free some space."),
        (Damaged("The file is damaged."), False, "The file is damaged."),
        (FULL, False, "disk is full. Free some space"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), False, "Make the sampling batch smaller"),
        (MemoryError(), False, "ran out of memory"),
        (ValueError("surprise\nsecond line"), False, "An unexpected error: ValueError: surprise. The worker's log"),
    ],
)
def test_an_error_says_what_happened_and_what_to_do(error: Exception, for_good: bool, said: str) -> None:
    failure = describe(error, JobKind.CHUNK)
    assert failure.for_good is for_good
    assert said in failure.message


def test_training_that_runs_out_of_memory_names_its_own_settings() -> None:
    assert "micro_batch" in describe(MemoryError(), JobKind.TRAINING).message
