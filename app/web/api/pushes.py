"""Pushes: checkpoints sent to the Hugging Face hub by a job."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from app.models import JobState
from app.services import checkpoint_views, pushes
from app.services.pushes import PushLine
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayTakeData
from app.web.api.shapes import IdempotencyKey
from app.web.deps import SessionDep, SettingsDep
from app.web.ids import PathId

router = APIRouter(tags=["checkpoints"])


class NewPush(Body):
    """Where to, who is to see it, and what goes with it."""

    model_config = ConfigDict(extra="forbid")

    repo: str = Field(
        pattern=pushes.REPO, max_length=193, examples=["me/emoji-lora"],
        description="`owner/name` on the hub. It is made where there is none.",
    )  # fmt: skip
    private: bool = Field(
        True, description="A private push goes to no repository that anyone can see; a public one opens none."
    )
    provenance: bool = Field(False, description="Also every choice behind it, by pseudonym, as `provenance.json`.")


class PushShape(BaseModel):
    """A push. `url` and `commit` are there once it has arrived; `private` is from then on what the repository is."""

    id: int
    study: int
    checkpoint: int
    repo: str
    private: bool
    provenance: bool
    state: JobState
    error: str | None
    done: int = Field(description="Bytes sent so far, of `total`.")
    total: int
    seconds_left: float | None = Field(description="An estimate; null while there is none.")
    url: str | None
    commit: str | None
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, line: PushLine) -> "PushShape":
        names = set(cls.model_fields) - {"study", "checkpoint"}
        return cls(
            study=line.study_id, checkpoint=line.checkpoint_id, **{name: getattr(line, name) for name in names}
        )  # fmt: skip


@router.post(
    "/checkpoints/{checkpoint_id}/pushes",
    operation_id="create_push",
    status_code=201,
    summary="Have a checkpoint pushed to the Hugging Face hub",
)
def ask(
    checkpoint_id: PathId, body: NewPush, response: Response, session: SessionDep, settings: SettingsDep,
    user: MayTakeData, key: IdempotencyKey = None,
) -> PushShape:  # fmt: skip
    """A worker of the queue `cpu` sends the LoRA for diffusers and kohya, the model card and its pictures as
    one commit; none is made where the repository holds the same already. 409 while it is being pushed, and where the
    site has no token of the hub."""
    made = pushes.ask(
        session, checkpoint_id=checkpoint_id, **body.model_dump(), settings=settings, actor=user, idempotency_key=key
    )
    response.headers["Location"] = f"/api/v1/pushes/{made.id}"
    return PushShape.of(pushes.get(session, made.id))


@router.get(
    "/checkpoints/{checkpoint_id}/pushes", operation_id="list_pushes", summary="A checkpoint's pushes, newest first"
)
def index(
    checkpoint_id: PathId, session: SessionDep, user: MayTakeData, cursor: Cursor, limit: Limit = 50
) -> Page[PushShape]:  # fmt: skip
    """Where it went, when, and how far those are that are under way."""
    checkpoint_views.require(session, checkpoint_id)
    found = pushes.lines(session, checkpoint_id, before=cursor, limit=limit + 1)
    return page_of([PushShape.of(line) for line in found], limit, lambda push: push.id)


@router.get("/pushes/{push_id}", operation_id="get_push", summary="A push as it is now")
def show(push_id: PathId, session: SessionDep, user: MayTakeData) -> PushShape:
    """`done` of `total` bytes, then where it has arrived, or what was wrong."""
    return PushShape.of(pushes.get(session, push_id))


@router.post(
    "/pushes/{push_id}/stop", operation_id="stop_push", summary="Call a push off", responses=problems(409)
)  # fmt: skip
def stop(push_id: PathId, session: SessionDep, user: MayTakeData) -> PushShape:
    """The repository shows nothing of it. 409 where it is over."""
    pushes.stop(session, push_id=push_id, actor=user)
    session.flush()
    return PushShape.of(pushes.get(session, push_id))


@router.post(
    "/pushes/{push_id}/again", operation_id="repeat_push", summary="Send a push again", responses=problems(409)
)  # fmt: skip
def again(push_id: PathId, session: SessionDep, user: MayTakeData) -> PushShape:
    """One that failed or was stopped. 409 for any other, and while the checkpoint is being pushed."""
    pushes.again(session, push_id=push_id, actor=user)
    session.flush()
    return PushShape.of(pushes.get(session, push_id))
