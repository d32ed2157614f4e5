"""What each kind of job does. Importing this imports torch: only the process that computes does."""

from app.models import JobKind
from worker.attempt import Attempt
from worker.tasks import chunk, evaluation, training

KINDS = {JobKind.CHUNK: chunk.run, JobKind.TRAINING: training.run, JobKind.EVALUATION: evaluation.run}


def run(held: Attempt) -> None:
    """Do the job that the attempt holds."""
    KINDS[held.claim.kind](held)
