"""The registry of base models: what an admin names is checked by a worker, and let in or refused with the reason."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.artifacts import Stored
from app.errors import BadInput, Conflict, NotFound
from app.models import BaseModel, CheckState, Job, JobKind, JobState, ModelCheck, Study, User
from app.models.base import Json
from app.services import base_models, events, jobs
from app.services.jobs import Claim
from app.services.pictures import Picture

MOST_NAME = 200
BRANCH = re.compile(r"[\w./-]{1,200}")
LAYOUT = "Give a folder that holds model_index.json, or a hub id such as owner/name."


@dataclass(frozen=True)
class Checked:
    """What a worker found: the pipeline's facts, what it measured, and the test picture."""

    folder: Path
    commit: str
    facts: Json
    measured: Json
    picture: Stored
    width: int
    height: int


@dataclass(frozen=True)
class CheckLine:
    """A check that is at work, or one that was refused."""

    id: int
    name: str
    source: str
    revision: str
    state: CheckState
    reason: str | None
    created_at: datetime
    ended_at: datetime | None
    job_state: JobState | None
    done: int
    total: int
    worker: str | None


@dataclass(frozen=True)
class ModelLine:
    """A base model with what its newest check measured; nothing is measured of one that the command line registered."""

    id: int
    name: str
    source: str
    revision: str
    family: str
    prediction_type: str
    token_limit: int
    image_size: int
    files: Json
    bytes: int
    studies: int
    measured: Json
    picture: Picture | None
    checked_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Registry:
    models: Sequence[ModelLine]
    checks: Sequence[CheckLine]


def ask(
    session: Session, *, source: str, revision: str | None = None, name: str | None = None, actor: User | None
) -> ModelCheck:
    """Ask for a check; while one of the same pipeline is at work, that one. A worker looks where the source lies.

    Raises `BadInput` naming the field at fault.
    """
    source, wanted, name = source.strip(), (revision or "").strip(), (name or "").strip()
    _refuse_unusable(source, wanted, name)
    folder = Path(source).expanduser()
    kept = str(folder.resolve()) if folder.is_dir() else source
    same = select(ModelCheck).where(
        ModelCheck.source == kept, ModelCheck.revision == wanted, ModelCheck.state == CheckState.CHECKING
    )
    at_work = session.scalars(same.limit(1)).one_or_none()
    if at_work is not None:
        return at_work
    job = jobs.add(session, JobKind.MODEL_CHECK, study_id=None, urgency=jobs.Urgency.MODEL_CHECK)
    check = ModelCheck(
        name=name or Path(source).name, source=kept, revision=wanted, job_id=job.id,
        asked_by_id=actor.id if actor else None,
    )  # fmt: skip
    session.add(check)
    events.write(session, "model_check.asked", check, actor=actor, source=kept, revision=wanted)
    return check


def get(session: Session, check_id: int) -> ModelCheck:
    check = session.get(ModelCheck, check_id)
    if check is None:
        raise NotFound(f"There is no check {check_id}.")
    return check


def of_job(session: Session, job_id: int) -> ModelCheck:
    """The check that this job does."""
    return session.scalars(select(ModelCheck).where(ModelCheck.job_id == job_id)).one()


def let_in(session: Session, claim: Claim, found: Checked) -> BaseModel:
    """End the job: the pipeline is a base model now. Raises `LostJob`."""
    job = jobs.held(session, claim)
    check = of_job(session, job.id)
    asker = session.get(User, check.asked_by_id) if check.asked_by_id else None
    model = base_models.store(
        session, source=check.source, folder=found.folder, commit=found.commit, facts=found.facts, name=check.name,
        actor=asker,
    )  # fmt: skip
    session.flush()
    stored = found.picture
    check.state, check.base_model_id, check.facts, check.ended_at = (
        CheckState.READY,
        model.id,
        found.measured,
        func.now(),
    )
    check.picture = {
        "key": stored.key, "size": stored.size, "sha256": stored.sha256, "width": found.width, "height": found.height,
    }  # fmt: skip
    jobs.end(job, JobState.DONE)
    events.write(session, "model_check.ready", check, base_model=model.id)
    return model


def refuse(session: Session, *, job_id: int, reason: str) -> None:
    """The job failed for good: so is the pipeline refused."""
    check = of_job(session, job_id)
    check.state, check.reason, check.ended_at = CheckState.REFUSED, reason, func.now()
    events.write(session, "model_check.refused", check, reason=reason)


def forget(session: Session, *, check_id: int, actor: User | None) -> None:
    """Take a refused check off the list. Raises `Conflict` for another."""
    check = get(session, check_id)
    if check.state is not CheckState.REFUSED:
        raise Conflict(f"This check is {check.state}: only a refused one can be taken off the list.")
    job = session.get(Job, check.job_id) if check.job_id else None
    if job is not None and job.state is JobState.FAILED:
        job.state = JobState.CANCELLED  # nothing is left to be tried again
    events.write(session, "model_check.forgotten", check, actor=actor, source=check.source, revision=check.revision)
    session.delete(check)


def registry(session: Session) -> Registry:
    """Every base model, newest first, and the checks that are at work or were refused. Three queries."""
    newest = (
        select(func.max(ModelCheck.id))
        .where(ModelCheck.state == CheckState.READY)
        .group_by(ModelCheck.base_model_id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(BaseModel, ModelCheck)
        .outerjoin(ModelCheck, (ModelCheck.base_model_id == BaseModel.id) & ModelCheck.id.in_(newest))
        .order_by(BaseModel.id.desc())
    ).all()
    counts = dict(session.execute(select(Study.base_model_id, func.count()).group_by(Study.base_model_id)).all())
    open_checks = session.execute(
        select(ModelCheck, Job)
        .outerjoin(Job, Job.id == ModelCheck.job_id)
        .where(ModelCheck.state != CheckState.READY)
        .order_by(ModelCheck.id.desc())
        .limit(50)
    )
    return Registry(
        [_model_line(model, check, counts.get(model.id, 0)) for model, check in rows],
        [_check_line(check, job) for check, job in open_checks],
    )


def _model_line(model: BaseModel, check: ModelCheck | None, studies: int) -> ModelLine:
    shown = check.picture if check else None
    return ModelLine(
        model.id, model.name, model.source, model.revision, model.family.value, model.prediction_type,
        model.token_limit, model.image_size, model.files, sum(_size(file) for file in model.files.values()), studies,
        check.facts if check else {},
        Picture(0, shown["key"], shown["width"], shown["height"]) if shown else None,
        check.ended_at if check else None, model.created_at,
    )  # fmt: skip


def _check_line(check: ModelCheck, job: Job | None) -> CheckLine:
    said = job.progress if job else {}
    return CheckLine(
        check.id, check.name, check.source, check.revision, check.state, check.reason, check.created_at,
        check.ended_at, job.state if job else None, int(said.get("done", 0)), int(said.get("total", 0)),
        job.worker if job else None,
    )  # fmt: skip


def _size(file: Any) -> int:
    return int(file.get("size", 0)) if isinstance(file, dict) else 0


def _refuse_unusable(source: str, revision: str, name: str) -> None:
    fields = {}
    if not source:
        fields["source"] = "is empty"
    elif not (source.startswith(("/", "~")) or Path(source).is_dir() or base_models.HUB_ID.fullmatch(source)):
        fields["source"] = "is neither a folder's path nor a hub id"
    if revision and not BRANCH.fullmatch(revision):
        fields["revision"] = "is no branch, tag or commit"
    if len(name) > MOST_NAME:
        fields["name"] = f"is longer than {MOST_NAME} characters"
    if fields:
        raise BadInput("This cannot be checked.", LAYOUT, fields=fields)
