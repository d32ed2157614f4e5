"""Pushes of checkpoints to the Hugging Face hub: asked for, sent by a worker of the `cpu` queue, stopped, sent anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.errors import BadInput, Conflict, NotFound, Refused
from app.models import Checkpoint, Job, JobKind, JobState, Push, Queue, User
from app.services import checkpoint_folders, checkpoint_views, events, jobs, pseudonyms
from app.services.idempotency import made_before
from app.services.jobs import AT_WORK, Claim, Urgency, Watched
from app.settings import Settings

# about what the hub takes, for forms; `huggingface_hub` knows its rules
REPO = r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,95}/[A-Za-z0-9_][A-Za-z0-9_.\-]{0,95}$"
HOW_TO = "Set TASTEMAKER_HUB_TOKEN for the site and its workers of the queue cpu."


@dataclass(frozen=True)
class PushLine(Watched):
    """A push as its list shows it; done and total are in bytes. `error` is also said while it is tried again."""

    id: int
    study_id: int
    checkpoint_id: int
    repo: str
    private: bool
    provenance: bool
    state: JobState
    error: str | None
    done: int
    total: int
    per_second: float
    url: str | None
    commit: str | None
    asked_by: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Parcel:
    """What a push sends: to which repository, under which message, and the files by their names there."""

    repo: str
    private: bool
    message: str
    files: dict[str, bytes]


def ask(
    session: Session, *, checkpoint_id: int, repo: str, private: bool = True, provenance: bool = False,
    settings: Settings, actor: User | None, idempotency_key: str | None = None,
) -> Push:  # fmt: skip
    """Ask for a checkpoint to be sent to the repository `repo`, `owner/name`, which is made where there is none; with a
    key that was used before, the push that it made.

    Raises `NotFound`, `BadInput` for a name that the hub does not take, `Refused` where no token is set, and `Conflict`
    while the checkpoint is at work already.
    """
    checkpoint = _turn(session, checkpoint_id)
    if checkpoint is None:
        raise NotFound(f"There is no checkpoint {checkpoint_id}.")
    made = made_before(session, Push, idempotency_key, study_id=checkpoint.study_id)
    if made is not None:
        return made
    _require_name(repo)
    if not settings.has_hub:
        raise Refused("Nothing can be pushed to the Hugging Face hub: there is no token for it.", HOW_TO)
    _refuse_twice(session, checkpoint_id)
    study_id = checkpoint.study_id
    job = jobs.add(
        session, JobKind.PUSH, study_id=study_id, checkpoint_id=checkpoint_id, urgency=Urgency.PUSH,
        queue_name=Queue.CPU, payload={"nobody": pseudonyms.of_nobody(settings.secret(), study_id)},
    )  # fmt: skip
    session.flush()
    push = Push(
        study_id=study_id, checkpoint_id=checkpoint_id, job_id=job.id, repo=repo, private=private,
        provenance=provenance, idempotency_key=idempotency_key, asked_by_id=actor.id if actor else None,
    )  # fmt: skip
    session.add(push)
    session.flush()
    told = {"checkpoint": checkpoint_id, "repo": repo, "private": private, "provenance": provenance}
    events.write(session, "push.asked", push, actor=actor, **told)
    return push


def get(session: Session, push_id: int) -> PushLine:
    """Raises `NotFound`."""
    found = session.execute(_lines().where(Push.id == push_id)).one_or_none()
    if found is None:
        raise NotFound(f"There is no push {push_id}.")
    return _line(*found)


def lines(session: Session, checkpoint_id: int, *, before: int | None = None, limit: int = 50) -> Sequence[PushLine]:
    """The checkpoint's pushes, newest first."""
    query = _lines().where(Push.checkpoint_id == checkpoint_id)
    if before is not None:
        query = query.where(Push.id < before)
    return [_line(*row) for row in session.execute(query.order_by(Push.id.desc()).limit(limit))]


def last_repo(session: Session, checkpoint_id: int) -> str:
    """Where a checkpoint of the same study arrived last, for the form; empty where none has."""
    study = select(Checkpoint.study_id).where(Checkpoint.id == checkpoint_id).scalar_subquery()
    arrived = select(Push.repo).where(Push.study_id == study, Push.commit.is_not(None))
    return session.scalar(arrived.order_by(Push.id.desc()).limit(1)) or ""


def parcel(session: Session, artifacts: Artifacts, claim: Claim, *, secret: str) -> Parcel:
    """What this job sends. Raises `Conflict` where the worker's secret is not the site's, `Damaged`."""
    pseudonyms.require_same(secret, claim.of_study, claim.payload["nobody"])
    push = session.scalars(select(Push).where(Push.job_id == claim.job_id)).one()
    line = checkpoint_views.page(session, push.checkpoint_id).line
    files: Iterator[tuple[str, bytes]] = checkpoint_folders.of_repository(
        session, artifacts, push.checkpoint_id, push.repo, with_provenance=push.provenance, secret=secret
    )
    return Parcel(push.repo, push.private, f"{line.study_name}, checkpoint {line.number}", dict(files))


def record(session: Session, claim: Claim, *, url: str, commit: str, private: bool) -> None:
    """Say where it has arrived, and end the job. Raises `LostJob`."""
    job = jobs.held(session, claim)
    push = session.scalars(select(Push).where(Push.job_id == job.id)).one()
    push.url, push.commit, push.private = url, commit, private
    jobs.end(job, JobState.DONE)
    events.write(
        session, "push.arrived", push, checkpoint=push.checkpoint_id, repo=push.repo, private=private, commit=commit
    )


def stop(session: Session, *, push_id: int, actor: User | None) -> None:
    """Call it off; a worker that is at it stops within seconds. Raises `Conflict` where it has ended."""
    push, job = _locked(session, push_id)
    if job.state not in AT_WORK:
        raise Conflict(f"Push {push_id} is {job.state}: there is nothing to stop.", "Reload the page.")
    jobs.end(job, JobState.CANCELLED)
    events.write(session, "push.stopped", push, actor=actor, checkpoint=push.checkpoint_id, repo=push.repo)


def again(session: Session, *, push_id: int, actor: User | None) -> None:
    """Send one anew that failed or was stopped. Raises `Conflict` for any other, and while the checkpoint is sent."""
    push, job = _locked(session, push_id)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(f"Push {push_id} is {job.state}.", "Reload the page.")
    _refuse_twice(session, push.checkpoint_id)
    jobs.wait_again(session, job)
    events.write(session, "push.again", push, actor=actor, checkpoint=push.checkpoint_id, repo=push.repo)


def _turn(session: Session, checkpoint_id: int) -> Checkpoint | None:
    """The checkpoint, locked: of two who push it at once, the second sees what the first has asked for."""
    return session.get(Checkpoint, checkpoint_id, with_for_update={"key_share": True})


def _require_name(repo: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # it names no exports

    try:
        if repo.count("/") != 1:
            raise HFValidationError
        validate_repo_id(repo)
    except HFValidationError as error:
        raise BadInput(
            f"{repo!r} cannot be the name of a repository on the hub.",
            "Give owner/name, in letters, digits, _ and single - and dots between them: me/emoji-lora.",
            fields={"repo": "is not owner/name"},
        ) from error


def _refuse_twice(session: Session, checkpoint_id: int) -> None:
    at_work = (
        select(Push.id)
        .join(Job, Job.id == Push.job_id)
        .where(Push.checkpoint_id == checkpoint_id, Job.state.in_(AT_WORK))
        .limit(1)
    )
    if (number := session.scalar(at_work)) is not None:
        raise Conflict(
            f"Checkpoint {checkpoint_id} is being pushed already (push {number}).",
            "Wait until it has arrived, or stop it.",
        )


def _lines() -> Select[*tuple[Push, Job, str | None]]:
    return (
        select(Push, Job, User.display_name)
        .join(Job, Job.id == Push.job_id)
        .outerjoin(User, User.id == Push.asked_by_id)
    )


def _line(push: Push, job: Job, asked_by: str | None) -> PushLine:
    return PushLine(
        push.id, push.study_id, push.checkpoint_id, push.repo, push.private, push.provenance, job.state, job.error,
        *jobs.how_far(job), push.url, push.commit, asked_by, push.created_at, job.ended_at,
    )  # fmt: skip


def _locked(session: Session, push_id: int) -> tuple[Push, Job]:
    push = session.get(Push, push_id)
    if push is None:
        raise NotFound(f"There is no push {push_id}.")
    _turn(session, push.checkpoint_id)
    return push, jobs.locked(session, push.job_id)
