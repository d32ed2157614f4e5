"""Base models: listed, and registered by a check that a worker makes."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from app.models import CheckState, ModelCheck
from app.services import base_models, job_moves, model_checks
from app.web.api.bodies import Body
from app.web.api.scoped import MayRead, MayRunStudies
from app.web.api.shapes import Shape
from app.web.deps import SessionDep
from app.web.ids import PathId

router = APIRouter(tags=["base models"])


class BaseModelShape(Shape):
    """A pipeline that studies can start from."""

    id: int
    name: str
    source: str
    revision: str = Field(description="The commit of a hub id; empty for a folder.")
    family: str = Field(description="`sd1`, `sd2` or `sdxl`.")
    prediction_type: str
    token_limit: int
    image_size: int
    bytes: int = Field(description="Of all weight files.")
    files: dict[str, Any] = Field(description="Size and SHA-256 of each weight file.")
    studies: int
    measured: dict[str, Any] = Field(description="What its newest check measured; empty where there was none.")
    checked_at: datetime | None
    created_at: datetime


class NewBaseModel(Body):
    source: str = Field(description="A folder where the workers are, or a hub id.")
    revision: str | None = Field(None, description="Of a hub id: a branch, tag or commit.")
    name: str | None = None


class CheckShape(Shape):
    """A check: `checking`, then `ready` with its base model, or `refused` with the reason."""

    id: int
    name: str
    source: str
    revision: str
    state: CheckState
    reason: str | None
    base_model: int | None
    measured: dict[str, Any]
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, check: ModelCheck) -> "CheckShape":
        same = ("id", "name", "source", "revision", "state", "reason", "created_at", "ended_at")
        values = {name: getattr(check, name) for name in same}
        return cls(base_model=check.base_model_id, measured=check.facts, **values)


@router.get("/base-models", operation_id="list_base_models", summary="Base models, newest first")
def index(session: SessionDep, user: MayRead) -> list[BaseModelShape]:
    """With the hashes of their files and what their check measured."""
    return [BaseModelShape.model_validate(line) for line in model_checks.registry(session).models]


@router.post(
    "/base-models",
    operation_id="register_base_model",
    summary="Ask for a pipeline to be checked and registered",
    status_code=202,
)
def register(body: NewBaseModel, session: SessionDep, user: MayRunStudies) -> CheckShape:
    """Answers at once; look at the check until it is ready or refused. Asked twice while at work: the same check."""
    check = model_checks.ask(session, source=body.source, revision=body.revision, name=body.name, actor=user)
    return _fresh(session, check)


@router.get("/base-models/checks/{check_id}", operation_id="get_base_model_check", summary="One check")
def show(check_id: int, session: SessionDep, user: MayRunStudies) -> CheckShape:
    """`checking`, then `ready` with its base model, or `refused` with the reason."""
    return CheckShape.of(model_checks.get(session, check_id))


@router.post(
    "/base-models/{model_id}/check",
    operation_id="check_base_model",
    summary="Have a base model measured again",
    status_code=202,
)
def check_again(model_id: PathId, session: SessionDep, user: MayRunStudies) -> CheckShape:
    """What it was registered with is looked at anew; asked twice while at work: the same check."""
    model = base_models.get(session, model_id)
    check = model_checks.ask(session, source=model.source, revision=model.revision, name=model.name, actor=user)
    return _fresh(session, check)


@router.post(
    "/base-models/checks/{check_id}/retry",
    operation_id="retry_base_model_check",
    summary="Check a refused pipeline again",
    status_code=202,
)
def retry(check_id: PathId, session: SessionDep, user: MayRunStudies) -> CheckShape:
    """After its reason was mended. 409 where it is no refused one."""
    check = model_checks.get(session, check_id)
    job_moves.retry(session, job_id=check.job_id or 0, actor=user)
    return _fresh(session, check)


@router.delete(
    "/base-models/checks/{check_id}",
    operation_id="forget_base_model_check",
    summary="Take a refused check off the list",
    status_code=204,
)
def forget(check_id: PathId, session: SessionDep, user: MayRunStudies) -> None:
    """409 for a check that is at work or found its pipeline ready."""
    model_checks.forget(session, check_id=check_id, actor=user)


def _fresh(session: Session, check: ModelCheck) -> CheckShape:
    session.flush()
    session.refresh(check)
    return CheckShape.of(check)
