"""Stored files that no row names: what a killed attempt, or a commit that never came, has left behind.

Only folders are looked at whose files rows name by rule: `studies/ID/rounds/N/…`, and of no round
`studies/ID/evaluation/…`, `studies/ID/exports/…`, `studies/ID/tries/…` and `studies/ID/imported/…`. A file goes when it
is older than a day, no row names it, and the attempt that its folder belongs to is not at work. Base models,
checkpoints, judged pictures are named by rows and stay.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.errors import NotFound
from app.models import Checkpoint, Export, Group, Job, JobState, Round, RoundKind, Sample, TrainingRun, TryIt

OLD_ENOUGH = timedelta(days=1)
OF_NO_ROUND = ("evaluation", "exports", "tries", "imported")
ATTEMPT = re.compile(r"/(\d+)-(\d+)/")


def folders(session: Session, study_id: int) -> list[tuple[str, int | None]]:
    """The study's folders that are swept: each round's with its number, and those of no round with none."""
    numbers = session.scalars(
        select(Round.number)
        .where(Round.study_id == study_id, Round.kind == RoundKind.PREFERENCE)
        .order_by(Round.number)
    )
    rounds: list[tuple[str, int | None]] = [(f"studies/{study_id}/rounds/{number}", number) for number in numbers]
    return [*rounds, *((f"studies/{study_id}/{folder}", None) for folder in OF_NO_ROUND)]


def named(session: Session, study_id: int, number: int | None) -> set[str]:
    """Every key in the folder that a row names; in those of no drawn round where `number` is none."""
    of_none = or_(Group.round_id.is_(None), Round.kind == RoundKind.IMPORTED)
    of_round = Round.number == number if number is not None else of_none
    samples = session.execute(
        select(Sample.image_key, Sample.webp_key, Sample.trajectory_key)
        .join(Group, Group.id == Sample.group_id)
        .outerjoin(Round, Round.id == Group.round_id)
        .where(Group.study_id == study_id, of_round)
    )
    keys = {key for row in samples for key in row if key}
    if number is None:
        exports = session.scalars(select(Export.key).where(Export.study_id == study_id, Export.key.is_not(None)))
        tried = session.scalars(select(TryIt.pictures).where(TryIt.study_id == study_id, TryIt.policies.is_not(None)))
        return keys | {key for key in exports if key} | {one["key"] for pictures in tried for one in pictures}
    runs = (
        select(TrainingRun, Checkpoint)
        .outerjoin(Checkpoint, Checkpoint.training_run_id == TrainingRun.id)
        .join(Round, Round.id == TrainingRun.round_id)
        .where(Round.study_id == study_id, Round.number == number)
    )
    for run, checkpoint in session.execute(runs):
        files = [run.resume] + ([checkpoint.optimizer, *checkpoint.files.values()] if checkpoint else [])
        keys |= {file["key"] for file in files if file}
    return keys


def at_work(session: Session) -> set[tuple[int, int]]:
    """Jobs that are running, each with its attempt."""
    return set(session.execute(select(Job.id, Job.attempt).where(Job.state == JobState.RUNNING)).all())


def find(
    artifacts: Artifacts, folder: str, names: set[str], working: set[tuple[int, int]], *, now: datetime | None = None
) -> Iterator[tuple[str, int]]:
    """Keys in the folder that may go, each with its size. `names` and `working` are of before the folder was listed.

    A file that is named after that is younger than a day, so it stays.
    """
    oldest = (now or datetime.now(UTC)) - OLD_ENOUGH
    for key in artifacts.keys(folder, drafts=True):
        attempt = ATTEMPT.search(key)
        if key in names or (attempt is not None and (int(attempt[1]), int(attempt[2])) in working):
            continue
        try:
            if artifacts.written_at(key) < oldest:
                yield key, artifacts.size(key)
        except NotFound:
            continue
