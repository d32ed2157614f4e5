"""Imports: asked for, read by a worker of the `cpu` queue or by the command line, stopped, let go on, ended.

An import makes a study of its own with one round of the kind `imported`. What is read of it is like any other pair, but
for what it lacks: no policy of ours drew it and there are no trajectories, so nothing is trained on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.db import after_commit
from app.errors import BadInput, Conflict, NotFound, Refused
from app.models import (
    BaseModel,
    Import,
    Job,
    JobKind,
    JobState,
    Queue,
    Round,
    RoundKind,
    RoundState,
    RoundTotals,
    Split,
    User,
)
from app.models.base import Json
from app.paths import DEMO
from app.services import (
    base_models,
    disk,
    events,
    import_formats,
    import_writing,
    jobs,
    prompt_sets,
    round_moves,
    rounds,
    studies,
    totals,
)
from app.services.import_items import Reader
from app.services.jobs import AT_WORK, Claim, Urgency, Watched
from app.services.prompt_texts import PromptLine

QUESTION = "Which picture is better?"
EVALUATED = 16  # so many of an import's prompts are for evaluation pictures too, should its study ever draw
MOST_NAME = 200


@dataclass(frozen=True)
class ImportLine(Watched):
    """An import as its list shows it. No `state`: the command line reads or has read it."""

    id: int
    format: str
    name: str
    source: Json
    state: JobState | None  # type: ignore[assignment]  # none: nobody's job
    error: str | None
    done: int
    total: int
    per_second: float
    unit: str
    position: int
    rows: int
    left_out: Json
    study_id: int | None
    round_id: int | None
    pairs: int
    choices: int
    asked_by: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def is_whole(self) -> bool:
        return self.ended_at is not None and self.position == self.rows

    @property
    def is_begun(self) -> bool:
        return self.study_id is not None


def ask(
    session: Session, *, format_name: str, name: str, source: Json, question: str = QUESTION,
    base_model_id: int | None = None, by_worker: bool = True, actor: User | None,
) -> Import:  # fmt: skip
    """Ask for files to be imported into a study called `name`. `source` is `{"name": …}` of something in the data
    folder's `imports`, `{"uploaded": [{"name", "key"}]}`, or with `{"paths": […]}` what the command line reads itself.

    Without a base model its study gets the newest that is registered. Raises `BadInput`, `NotFound`.
    """
    import_formats.require(format_name)
    name, question = name.strip(), question.strip() or QUESTION
    if not 0 < len(name) <= MOST_NAME:
        raise BadInput("An import needs a name for its study.", fields={"name": f"1 to {MOST_NAME} characters"})
    model = base_models.get(session, base_model_id) if base_model_id else _newest_model(session, actor)
    job_id = None
    if by_worker:
        job = jobs.add(session, JobKind.IMPORT, study_id=None, urgency=Urgency.IMPORT, queue_name=Queue.CPU, payload={})
        session.flush()
        job_id = job.id
    row = Import(
        format=format_name, name=name, question=question, source=source, base_model_id=model.id, job_id=job_id,
        asked_by_id=actor.id if actor else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    events.write(session, "import.asked", row, actor=actor, format=format_name, name=name)
    return row


def find(session: Session, *, format_name: str, name: str, sha256: str) -> Import | None:
    """The import of the files with this content under this name, if there is one."""
    query = select(Import).where(Import.format == format_name, Import.name == name.strip(), Import.sha256 == sha256)
    return session.scalars(query).one_or_none()


def to_go_on(session: Session, row: Import) -> bool:
    """Whether the command line can go on with it. Raises `Conflict` where a worker is at it."""
    _, job = _locked(session, row.id)
    _refuse_at_work(row, job)
    return row.ended_at is None


def know(session: Session, row: Import, sha256: str) -> None:
    """Store what the files' content is. Raises `Refused` where they are no longer those of which some was read, or
    were imported under the same name before."""
    if row.study_id is not None and row.sha256 != sha256:
        raise Refused(
            f"The files are not those that import {row.id} has begun with.", "Put them back as they were, or end it."
        )
    other = find(session, format_name=row.format, name=row.name, sha256=sha256)
    if other is not None and other.id != row.id:
        where = f"study {other.study_id}" if other.study_id is not None else f"import {other.id}"
        goes_on = "Nothing is imported twice." if other.ended_at else "Let that one go on: it reads nothing twice."
        raise Refused(f"These files were imported as {row.name!r} before: see {where}.", goes_on)
    row.sha256 = sha256


def begin(session: Session, row: Import, reader: Reader) -> None:
    """Make the study, its prompt set, and the round with its groups. What was checked is imported from now on."""
    actor = session.get(User, row.asked_by_id) if row.asked_by_id else None
    texts = list(dict.fromkeys(reader.groups))
    lines = [PromptLine(text, Split.BOTH if place < EVALUATED else Split.TRAIN) for place, text in enumerate(texts)]
    prompts = prompt_sets.create(session, name=row.name, prompts=lines, actor=actor)
    study = studies.create(
        session, name=row.name, question=row.question, base_model_id=row.base_model_id, prompt_set_id=prompts.id,
        settings={"labeling": {"counted": "people"}}, actor=actor,
    )  # fmt: skip
    session.flush()
    round_ = Round(
        study_id=study.id, kind=RoundKind.IMPORTED, number=1, state=RoundState.GENERATING, settings=study.settings,
        groups=len(reader.groups), launched_by_id=row.asked_by_id,
    )  # fmt: skip
    rounds.store(session, round_)
    import_writing.add_groups(session, round_, prompts.id, reader.groups)
    row.study_id, row.round_id, row.total = study.id, round_.id, reader.total
    row.left_out = dict(reader.notes)
    events.write(session, "round.launched", round_, actor=actor, number=1, groups=round_.groups)


def finish(session: Session, artifacts: Artifacts, row: Import) -> None:
    """All that will be read is read: the round is complete, and uploaded files go."""
    round_ = rounds.locked(session, row.round_id or 0)
    totals.refresh(session, round_)
    round_moves.make(session, round_, "imported")
    row.ended_at = func.now()
    disk.mark(session, round_.study_id)
    _forget_uploads(session, artifacts, row)


def get(session: Session, import_id: int) -> Import:
    """Raises `NotFound`."""
    row = session.get(Import, import_id)
    if row is None:
        raise NotFound(f"There is no import {import_id}.", "It may have been removed.")
    return row


def of_job(session: Session, claim: Claim) -> Import:
    """The import that this job reads."""
    return session.scalars(select(Import).where(Import.job_id == claim.job_id)).one()


def line(session: Session, import_id: int) -> ImportLine:
    """Raises `NotFound`."""
    found = session.execute(_lines().where(Import.id == import_id)).one_or_none()
    if found is None:
        raise NotFound(f"There is no import {import_id}.", "It may have been removed.")
    return _line(*found)


def lines(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[ImportLine]:
    """All imports, newest first."""
    query = _lines()
    if before is not None:
        query = query.where(Import.id < before)
    return [_line(*row) for row in session.execute(query.order_by(Import.id.desc()).limit(limit))]


def stop(session: Session, *, import_id: int, actor: User | None) -> None:
    """Call it off for now; what is read stays, and it can go on. Raises `Conflict` where no worker is at it."""
    row, job = _locked(session, import_id)
    if job is None or job.state not in AT_WORK:
        raise Conflict(f"No worker is at import {import_id}.", "Reload the page.")
    jobs.end(job, JobState.CANCELLED)
    events.write(session, "import.stopped", row, actor=actor)


def again(session: Session, *, import_id: int, actor: User | None) -> None:
    """Let one go on that failed or was stopped. Raises `Conflict` for any other."""
    row, job = _locked(session, import_id)
    if row.ended_at is not None or job is None or job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(f"Import {import_id} is not one that a worker can go on with.", "Reload the page.")
    jobs.wait_again(session, job)
    events.write(session, "import.again", row, actor=actor)


def end_here(session: Session, artifacts: Artifacts, *, import_id: int, actor: User | None) -> None:
    """Leave it at what is read: the round is complete with it. Raises `Conflict` where nothing is, or it has ended."""
    row, job = _locked(session, import_id)
    _refuse_at_work(row, job)
    if row.study_id is None or row.ended_at is not None:
        raise Conflict(f"Import {import_id} has nothing to end.", "Reload the page.")
    finish(session, artifacts, row)
    _settle_job(job)
    events.write(session, "import.ended", row, actor=actor, position=row.position, total=row.total)


def remove(session: Session, artifacts: Artifacts, *, import_id: int, actor: User | None) -> None:
    """Take one off the list that has imported nothing. Raises `Conflict` for any other: archive its study instead."""
    row, job = _locked(session, import_id)
    _refuse_at_work(row, job)
    if row.study_id is not None:
        raise Conflict(f"Import {import_id} has made a study.", "Archive the study instead.")
    _forget_uploads(session, artifacts, row)
    _settle_job(job)
    events.write(session, "import.removed", row, actor=actor, name=row.name)
    session.delete(row)


def _newest_model(session: Session, actor: User | None) -> BaseModel:
    known = base_models.every(session)
    return known[-1] if known else base_models.register(session, source=str(DEMO / "model"), actor=actor)


def _forget_uploads(session: Session, artifacts: Artifacts, row: Import) -> None:
    for file in row.source.get("uploaded", []):
        after_commit(session, partial(artifacts.delete, file["key"]))


def _settle_job(job: Job | None) -> None:
    """Nothing is left to be tried again."""
    if job is not None and job.state is JobState.FAILED:
        job.state = JobState.CANCELLED


def _refuse_at_work(row: Import, job: Job | None) -> None:
    if job is not None and job.state in AT_WORK:
        raise Conflict(f"A worker is at import {row.id}.", "Stop it first.")


def _locked(session: Session, import_id: int) -> tuple[Import, Job | None]:
    row = get(session, import_id)
    return row, jobs.locked(session, row.job_id) if row.job_id is not None else None


def _lines() -> Select[*tuple[Import, Job, RoundTotals, str | None]]:
    return (
        select(Import, Job, RoundTotals, User.display_name)
        .outerjoin(Job, Job.id == Import.job_id)
        .outerjoin(RoundTotals, RoundTotals.round_id == Import.round_id)
        .outerjoin(User, User.id == Import.asked_by_id)
    )


def _line(row: Import, job: Job | None, counted: RoundTotals | None, asked_by: str | None) -> ImportLine:
    done, total, per_second = jobs.how_far(job) if job else (row.position, row.total, 0.0)
    return ImportLine(
        row.id, row.format, row.name, row.source, job.state if job else None, job.error if job else None, done, total,
        per_second, str(job.progress.get("unit", "")) if job else "", row.position, row.total, row.left_out,
        row.study_id, row.round_id, counted.pairs if counted else 0, counted.choices if counted else 0, asked_by,
        row.created_at, row.ended_at,
    )  # fmt: skip
