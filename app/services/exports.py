"""Exports: asked for, written by a worker of the `cpu` queue, downloaded, stopped, removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Integer, Select, and_, cast, func, select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts, Stored
from app.db import after_commit
from app.errors import Conflict, NotFound, TooMany
from app.models import Export, Group, Job, JobKind, JobState, Queue, Round, RoundKind, RoundTotals, Sample, Study, User
from app.services import disk, events, export_formats, jobs, locks, pseudonyms, studies
from app.services.export_formats import Holds
from app.services.export_source import Rounds
from app.services.idempotency import made_before
from app.services.jobs import AT_WORK, Claim, Urgency, Watched
from app.services.locks import Lock

MOST_AT_WORK = 5
LOOKED_AT = 200  # pictures whose mean size stands for all
TEXT_BYTES = {"parquet": 40, "csv": 350, "jsonl": 1100}  # of a row, seen on a million


@dataclass(frozen=True)
class ExportLine(Watched):
    """An export as its list shows it. `error` is also said while it is tried again."""

    id: int
    study_id: int
    study_name: str
    format: str
    rounds: Rounds
    state: JobState
    error: str | None
    done: int
    total: int
    per_second: float
    size: int | None
    sha256: str | None
    rows: int | None
    key: str | None
    asked_by: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Amount:
    """How much there is to export, about: closed pairs and choices, as the sweep last counted them, and how many of
    the pairs are of rounds whose trajectories are kept; the mean sizes of a picture and of a trajectory in bytes."""

    pairs: int
    choices: int
    pairs_with_trajectories: int
    picture_bytes: int
    trajectory_bytes: int

    def bytes(self, format_name: str) -> int:
        """About how large an export will be."""
        each = export_formats.get(format_name)
        match each.holds:
            case Holds.TRAJECTORIES:
                return 2 * self.trajectory_bytes * self.pairs_with_trajectories
            case Holds.PICTURES:
                row = 2 * self.picture_bytes
            case Holds.TEXT:
                row = TEXT_BYTES[each.extension]
        return row * (self.choices if each.per_choice else self.pairs)


def ask(
    session: Session, *, study_id: int, format_name: str, rounds: Rounds, secret: str, actor: User | None,
    idempotency_key: str | None = None,
) -> Export:  # fmt: skip
    """Ask for an export; with a key that was used before, the one that it made. `secret` is the settings' own.

    Raises `NotFound`, `BadInput` for a format that is none, `TooMany` while five of the study are at work, and what the
    format's own check finds.
    """
    made = made_before(session, Export, idempotency_key, study_id=study_id)
    if made is not None:
        return made
    studies.get(session, study_id)
    format_ = export_formats.get(format_name)
    format_.check(session, study_id, rounds)
    _refuse_many(session, study_id)
    job = jobs.add(
        session, JobKind.EXPORT, study_id=study_id, urgency=Urgency.EXPORT, queue_name=Queue.CPU,
        payload={"nobody": pseudonyms.of_nobody(secret, study_id)},
    )  # fmt: skip
    session.flush()
    export = Export(
        study_id=study_id, job_id=job.id, format=format_.name, rounds=rounds.value, idempotency_key=idempotency_key,
        asked_by_id=actor.id if actor else None,
    )  # fmt: skip
    session.add(export)
    session.flush()
    events.write(session, "export.asked", export, actor=actor, format=format_.name, rounds=rounds.value)
    return export


def get(session: Session, export_id: int) -> ExportLine:
    """Raises `NotFound`."""
    found = session.execute(_lines().where(Export.id == export_id)).one_or_none()
    if found is None:
        raise NotFound(f"There is no export {export_id}.", "It may have been removed.")
    return _line(*found)


def file(line: ExportLine) -> tuple[str, int, str]:
    """Key, size and SHA-256 of its file. Raises `Conflict` while it is not there."""
    if line.key is None or line.size is None or line.sha256 is None:
        raise Conflict(f"Export {line.id} is {line.state}: there is no file yet.", "Wait until it is done.")
    return line.key, line.size, line.sha256


def lines(session: Session, study_id: int, *, before: int | None = None, limit: int = 50) -> Sequence[ExportLine]:
    """The study's exports, newest first."""
    query = _lines().where(Export.study_id == study_id)
    if before is not None:
        query = query.where(Export.id < before)
    return [_line(*row) for row in session.execute(query.order_by(Export.id.desc()).limit(limit))]


def amount(session: Session, study_id: int) -> Amount:
    """How much there is of the study's preference rounds and imports, from totals alone. Two queries."""
    with_them = and_(Round.kind == RoundKind.PREFERENCE, Round.trajectories_gone_at.is_(None))
    kept = RoundTotals.pairs_closed * cast(with_them, Integer)
    pairs, choices, with_trajectories = session.execute(
        select(func.sum(RoundTotals.pairs_closed), func.sum(RoundTotals.choices), func.sum(kept))
        .join(Round, Round.id == RoundTotals.round_id)
        .where(Round.study_id == study_id, Round.kind.in_(Rounds.PREFERENCE.kinds))
    ).one()
    some = (
        select(Sample.image_size, Sample.trajectory_size)
        .join(Group, Group.id == Sample.group_id)
        .where(Group.study_id == study_id)
        .limit(LOOKED_AT)
        .subquery()
    )
    picture, trajectory = session.execute(select(func.avg(some.c.image_size), func.avg(some.c.trajectory_size))).one()
    found = (pairs, choices, with_trajectories, picture, trajectory)
    return Amount(*(int(number or 0) for number in found))


def of_job(session: Session, claim: Claim, secret: str) -> Export:
    """The export that this job writes. Raises `Conflict` where the worker's secret is not the site's."""
    pseudonyms.require_same(secret, claim.of_study, claim.payload["nobody"])
    return session.scalars(select(Export).where(Export.job_id == claim.job_id)).one()


def record(session: Session, claim: Claim, stored: Stored, *, rows: int) -> None:
    """Name the file and end the job. Raises `LostJob`."""
    job = jobs.held(session, claim)
    export = session.scalars(select(Export).where(Export.job_id == job.id)).one()
    export.key, export.size, export.sha256, export.rows = stored.key, stored.size, stored.sha256, rows
    jobs.end(job, JobState.DONE)
    events.write(session, "export.written", export, rows=rows, size=stored.size)


def stop(session: Session, *, export_id: int, actor: User | None) -> None:
    """Call it off; a worker that is at it stops within seconds. Raises `Conflict` where it has ended."""
    export, job = _locked(session, export_id)
    if job.state not in AT_WORK:
        raise Conflict(f"Export {export_id} is {job.state}: there is nothing to stop.", "Reload the page.")
    jobs.end(job, JobState.CANCELLED)
    events.write(session, "export.stopped", export, actor=actor)


def again(session: Session, *, export_id: int, actor: User | None) -> None:
    """Write one anew that failed or was stopped. Raises `Conflict` for any other."""
    export, job = _locked(session, export_id)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(f"Export {export_id} is {job.state}.", "Reload the page.")
    jobs.wait_again(session, job)
    events.write(session, "export.again", export, actor=actor)


def remove(session: Session, artifacts: Artifacts, *, export_id: int, actor: User | None) -> int:
    """Remove an export and its file; the id of its study. Raises `Conflict` while it is at work."""
    export, job = _locked(session, export_id)
    if job.state in AT_WORK:
        raise Conflict(f"Export {export_id} is being written.", "Stop it first.")
    if export.key is not None:
        after_commit(session, partial(artifacts.delete, export.key))
        disk.mark(session, export.study_id)
    if job.state is JobState.FAILED:
        job.state = JobState.CANCELLED  # nothing is left to be tried again
    events.write(session, "export.removed", export, actor=actor, format=export.format)
    session.delete(export)
    return export.study_id


def _lines() -> Select[*tuple[Export, Job, str, str | None]]:
    return (
        select(Export, Job, Study.name, User.display_name)
        .join(Job, Job.id == Export.job_id)
        .join(Study, Study.id == Export.study_id)
        .outerjoin(User, User.id == Export.asked_by_id)
    )


def _line(export: Export, job: Job, study_name: str, asked_by: str | None) -> ExportLine:
    return ExportLine(
        export.id, export.study_id, study_name, export.format, Rounds(export.rounds), job.state, job.error,
        *jobs.how_far(job), export.size,
        export.sha256, export.rows, export.key, asked_by, export.created_at, job.ended_at,
    )  # fmt: skip


def _locked(session: Session, export_id: int) -> tuple[Export, Job]:
    export = session.get(Export, export_id)
    if export is None:
        raise NotFound(f"There is no export {export_id}.", "It may have been removed.")
    return export, jobs.locked(session, export.job_id)


def _refuse_many(session: Session, study_id: int) -> None:
    locks.exclusive(session, Lock.EXPORTS, study_id)  # requests at once would each count without the others
    waiting = session.scalar(
        select(func.count())
        .select_from(Export)
        .join(Job, Job.id == Export.job_id)
        .where(Export.study_id == study_id, Job.state.in_(AT_WORK))
    )
    if (waiting or 0) >= MOST_AT_WORK:
        raise TooMany(f"{waiting} exports of this study are at work.", "Wait until one is there.", retry_after=30)
