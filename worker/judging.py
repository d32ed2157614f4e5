"""Judges as this worker has them: made ready to score, and told to the site, which has none installed."""

from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.db import transaction
from app.models import Queue
from app.services import judges as known
from app.settings import get_settings
from worker import judges
from worker.judges import BrokenJudgeError, Judge

log = structlog.get_logger(__name__)


def ready(name: str) -> Judge:
    """The judge of this name, told where to compute. Raises `JudgeError`."""
    judge = judges.find(name)
    judges.prepare(
        judge, device=_device() if judges.needs_device(judge) else "cpu", weights=get_settings().judge_weights
    )
    return judge


def tell_installed() -> Sequence[str]:
    """Tell the site which judges this worker has; their names. One that cannot be loaded is logged, as is a database
    that is away."""
    told = []
    for judge in judges.installed():
        if isinstance(judge, BrokenJudgeError):
            log.warning("judge_left_out", reason=str(judge))
            continue
        try:
            with transaction() as session:
                tell(session, judge)
        except SQLAlchemyError as error:
            log.warning("judge_not_told", judge=judge.name, reason=str(error))
            continue
        told.append(judge.name)
    return told


def tell(session: Session, judge: Judge) -> None:
    """Tell the site what it needs to know of a judge."""
    known.know(
        session, name=judge.name, unit=judge.unit, larger_is_better=judges.larger_is_better(judge),
        about=judges.about(judge), queue=queue_of(judge),
    )  # fmt: skip


def queue_of(judge: Judge) -> Queue:
    """Whose workers score with it."""
    return Queue.ACCELERATOR if judges.needs_device(judge) else Queue.CPU


def _device() -> str:
    from worker import device

    return device.device()
