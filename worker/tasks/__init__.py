"""What each kind of job does, imported when it is first done: most import torch, what a `cpu` worker does need not."""

from collections.abc import Callable

from app.models import JobKind
from worker.attempt import Attempt


def run(held: Attempt) -> None:
    """Do the job that the attempt holds."""
    task_of(held.claim.kind)(held)


def load() -> None:
    """Import what an accelerator's worker does, torch with it, so that its first job need not wait."""
    for kind in (JobKind.CHUNK, JobKind.TRAINING, JobKind.EVALUATION, JobKind.TRY_IT):
        task_of(kind)


def task_of(kind: JobKind) -> Callable[[Attempt], None]:
    """The function that does jobs of this kind."""
    match kind:
        case JobKind.CHUNK:
            from worker.tasks import chunk

            return chunk.run
        case JobKind.TRAINING:
            from worker.tasks import training

            return training.run
        case JobKind.EVALUATION:
            from worker.tasks import evaluation

            return evaluation.run
        case JobKind.TRY_IT:
            from worker.tasks import try_it

            return try_it.run
        case JobKind.CLEAN_UP:
            from worker.tasks import clean_up

            return clean_up.run
        case JobKind.EXPORT:
            from worker.tasks import export

            return export.run
        case JobKind.IMPORT:
            from worker.tasks import importing

            return importing.run
        case JobKind.MODEL_CHECK:
            from worker.tasks import model_check

            return model_check.run
        case JobKind.SCORING:
            from worker.tasks import scoring

            return scoring.run
        case JobKind.PUSH:
            from worker.tasks import push

            return push.run
