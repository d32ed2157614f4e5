"""Tries: two pictures drawn to see what settings do."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, model_validator

from app.models import JobState
from app.services import prompt_sets, studies, tries, try_views
from app.services.try_views import Trying
from app.study_settings import load_preset, merged, validated
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.scoped import MayRunStudies
from app.web.deps import LinksDep, SessionDep
from app.web.pictures import PictureLinks

router = APIRouter(prefix="/tries", tags=["tries"])


class NewTry(Body):
    """Of a study, with what differs from its settings; or of a base model, with what differs from a preset."""

    study: int | None = None
    base_model: int | None = Field(None, description="Id of a base model, where there is no study yet.")
    preset: str = "paper"
    sampling: dict[str, Any] = Field({}, description="Sampling settings that differ.")
    prompt: str | None = Field(None, description="By default the first prompt of the study.")
    seed: int | None = Field(None, ge=0, lt=2**31, description="Drawn where none is given.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewTry":
        if (self.study is None) == (self.base_model is None):
            raise ValueError("give either study or base_model")
        return self


class TryShape(BaseModel):
    """A try; `images` are there once it is done. Tries are kept for a day."""

    id: int
    prompt: str
    state: JobState
    error: str | None
    seconds: float | None = Field(description="Of drawing alone.")
    loading_seconds: float | None
    sampling: dict[str, Any]
    images: list[str]
    created_at: datetime

    @classmethod
    def of(cls, trying: Trying, links: PictureLinks, viewer_id: int) -> "TryShape":
        return cls(
            id=trying.id,
            prompt=trying.prompt,
            state=trying.state,
            error=trying.error,
            seconds=trying.seconds,
            loading_seconds=trying.loading_seconds,
            sampling=trying.sampling.model_dump(),
            images=[links.url(picture, viewer_id=viewer_id) for picture in trying.pictures],
            created_at=trying.created_at,
        )


@router.post(
    "",
    operation_id="create_try",
    responses=problems(429),
    status_code=201,
    summary="Draw two pictures with some settings",
)
def ask(body: NewTry, response: Response, session: SessionDep, user: MayRunStudies, links: LinksDep) -> TryShape:
    """A worker draws them before anything else that waits. 429 while three tries of the caller are at work."""
    study = studies.get(session, body.study) if body.study is not None else None
    base = validated(study.settings) if study else load_preset(body.preset)[0]
    prompt = body.prompt or (prompt_sets.prompts_of(session, study.prompt_set_id)[0].text if study else "")
    made = tries.ask(
        session,
        base_model_id=study.base_model_id if study else body.base_model or 0,
        prompt=prompt,
        sampling=merged(base, {"sampling": body.sampling}).sampling,
        study=study,
        checkpoint_id=study.current_checkpoint_id if study else None,
        seed=body.seed,
        actor=user,
    )
    response.headers["Location"] = f"/api/v1/tries/{made.id}"
    return TryShape.of(try_views.view(session, made.id), links, user.id)


@router.get("/{try_id}", operation_id="get_try", summary="A try as it is now")
def show(try_id: int, session: SessionDep, user: MayRunStudies, links: LinksDep) -> TryShape:
    """Look again until `images` are there, or `error` says why not. 404 after a day."""
    return TryShape.of(try_views.view(session, try_id), links, user.id)
