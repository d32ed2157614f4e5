"""Disk by study and kind: what the rows say is stored. Counted by the sweep, study by study, and read by pages.

Counting a study with millions of pictures takes seconds, so it is done again only once a job of the study has ended (or
files of it were removed), and never more than a fiftieth of the time: `PAUSE` times as long as it took lies between.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import Checkpoint, Export, Group, GuidePicture, Job, Round, Sample, Study, StudyDisk, TrainingRun, TryIt
from app.models.base import Json

PAUSE = 50
SHORTEST_PAUSE_S = 10.0


@dataclass(frozen=True)
class DiskLine:
    """What one study takes up, in bytes."""

    study_id: int
    name: str
    archived: bool
    trajectories: int
    pictures: int
    checkpoints: int
    other: int
    files: int
    counted_at: datetime

    @property
    def all(self) -> int:
        return self.trajectories + self.pictures + self.checkpoints + self.other


@dataclass(frozen=True)
class Disk:
    """All studies together, the largest of them, and the room on the disk (none on S3)."""

    trajectories: int
    pictures: int
    checkpoints: int
    other: int
    files: int
    studies: int
    lines: Sequence[DiskLine]
    free: int | None
    total: int | None

    @property
    def all(self) -> int:
        return self.trajectories + self.pictures + self.checkpoints + self.other

    @property
    def is_tight(self) -> bool:
        """Less than a twentieth of the disk is free, or less than 2 GB."""
        return self.free is not None and self.total is not None and self.free < max(self.total // 20, 2 << 30)


def overview(session: Session, artifacts: Artifacts | None = None, *, limit: int = 20) -> Disk:
    """What is stored, by study and kind, as last counted. Two queries, however many studies."""
    kinds = (StudyDisk.trajectories, StudyDisk.pictures, StudyDisk.checkpoints, StudyDisk.other, StudyDisk.files)
    *sums, studies = session.execute(select(*(func.coalesce(func.sum(kind), 0) for kind in kinds), func.count())).one()
    size = StudyDisk.trajectories + StudyDisk.pictures + StudyDisk.checkpoints + StudyDisk.other
    rows = session.execute(
        select(Study.id, Study.name, Study.archived_at.is_not(None), *kinds, StudyDisk.counted_at)
        .join(StudyDisk, StudyDisk.study_id == Study.id)
        .order_by(size.desc(), Study.id)
        .limit(limit)
    )
    free, total = room(artifacts) if artifacts else (None, None)
    trajectories, pictures, checkpoints, other, files = (int(value) for value in sums)
    return Disk(
        trajectories, pictures, checkpoints, other, files, studies, [DiskLine(*row) for row in rows], free, total
    )


def room(artifacts: Artifacts) -> tuple[int | None, int | None]:
    """Bytes free and bytes in all where files are kept, to 100 MB, so that a page need not change with each file."""
    folder = artifacts.local_path("room")
    if folder is None:
        return None, None
    place = next((one for one in folder.parents if one.exists()), Path("/"))
    found = shutil.disk_usage(place)
    return found.free // 100_000_000 * 100_000_000, found.total


def mark(session: Session, study_id: int) -> None:
    """Files of the study went: let it be counted again."""
    row = session.get(StudyDisk, study_id)
    if row is not None:
        row.is_stale = True


def due(session: Session, *, limit: int = 20) -> list[int]:
    """Studies that are to be counted now, those that waited longest first."""
    seconds = func.greatest(SHORTEST_PAUSE_S, StudyDisk.took_ms * PAUSE / 1000.0)
    pause = func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    worked = last_ended(Job) > StudyDisk.counted_at
    return list(
        session.scalars(
            select(Study.id)
            .outerjoin(StudyDisk, StudyDisk.study_id == Study.id)
            .where(
                or_(
                    StudyDisk.study_id.is_(None),
                    and_(StudyDisk.counted_at < func.now() - pause, or_(StudyDisk.is_stale, worked)),
                )
            )
            .order_by(StudyDisk.counted_at.nulls_first(), Study.id)
            .limit(limit)
        )
    )


def last_ended(table: type[Job] | type[Round]) -> ColumnElement[Any]:
    """When the study's last job, or its last round, ended: one look into an index, however many there are."""
    return select(func.max(table.ended_at)).where(table.study_id == Study.id).correlate(Study).scalar_subquery()


def count(session: Session, study_id: int) -> StudyDisk:
    """Count the study's files by its rows, in six queries."""
    began = time.monotonic()
    kept = and_(Sample.trajectory_key.is_not(None), Sample.trajectory_removed_at.is_(None))
    samples, pictures, trajectories, kept_files = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(Sample.image_size + Sample.webp_size), 0),
            func.coalesce(func.sum(case((kept, Sample.trajectory_size), else_=0)), 0),
            func.count().filter(kept),
        )
        .select_from(Sample)
        .join(Group, Group.id == Sample.group_id)
        .where(Group.study_id == study_id)
    ).one()
    guide, guide_files = session.execute(
        select(func.coalesce(func.sum(GuidePicture.size), 0), func.count()).where(GuidePicture.study_id == study_id)
    ).one()
    named = session.execute(select(Checkpoint.files, Checkpoint.optimizer).where(Checkpoint.study_id == study_id)).all()
    resumes = session.scalars(
        select(TrainingRun.resume)
        .join(Round, Round.id == TrainingRun.round_id)
        .where(Round.study_id == study_id, TrainingRun.resume.is_not(None))
    ).all()
    exported, exports = session.execute(
        select(func.coalesce(func.sum(Export.size), 0), func.count(Export.size)).where(Export.study_id == study_id)
    ).one()
    tried = session.scalars(select(TryIt.pictures).where(TryIt.study_id == study_id, TryIt.policies.is_not(None)))
    tries: list[Json] = [picture for pictures in tried for picture in pictures]
    downloads: list[Json] = [file for files, _ in named for file in files.values()]
    states: list[Json] = [optimizer for _, optimizer in named if optimizer] + [resume for resume in resumes if resume]
    values: dict[str, Any] = {
        "trajectories": int(trajectories),
        "pictures": int(pictures) + int(guide) + _bytes(tries),
        "checkpoints": _bytes(downloads),
        "other": _bytes(states) + int(exported or 0),
        "files": 2 * samples + kept_files + guide_files + len(downloads) + len(states) + exports + len(tries),
        "took_ms": round((time.monotonic() - began) * 1000),
        "is_stale": False,
        "counted_at": func.now(),
    }
    session.execute(
        insert(StudyDisk)
        .values(study_id=study_id, **values)
        .on_conflict_do_update(index_elements=[StudyDisk.study_id], set_=values)
    )
    return session.get_one(StudyDisk, study_id, populate_existing=True)


def _bytes(files: Sequence[Json]) -> int:
    return sum(int(file.get("size", 0)) for file in files)
