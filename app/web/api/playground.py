"""The playground: a prompt of one's own, drawn by the base and by checkpoints of a study at the same noise."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.models import JobState
from app.services import playground
from app.services.playground import MOST_DRAWS, MOST_PARTS, MOST_POLICIES, MOST_WEIGHT, Drawing, Wish
from app.services.prompt_texts import MOST_CHARACTERS
from app.services.tries import MOST_SEED
from app.services.try_views import Part, Trying
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayPlay
from app.web.api.shapes import IdempotencyKey
from app.web.deps import ArtifactsDep, LinksDep, SessionDep
from app.web.ids import MOST_ID, PathId
from app.web.pictures import PictureLinks

router = APIRouter(tags=["playground"])


class PartWish(Body):
    """A checkpoint, and the LoRA's scale that it has in a policy."""

    model_config = ConfigDict(extra="forbid")

    checkpoint: int = Field(ge=1, le=MOST_ID, description="Id of a checkpoint of the study.")
    weight: float = Field(
        1.0, ge=0, le=MOST_WEIGHT, description="0 is the base, 1 the checkpoint as it was trained.", examples=[0.5]
    )


class NewPlaygroundTry(Body):
    """What to draw. What is left out of the sampling is as the study has it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"prompt": "a red fox", "policies": [[], [{"checkpoint": 3}]], "seed": 7},
                {
                    "prompt": "a red fox",
                    "policies": [[{"checkpoint": 3, "weight": 0.5}, {"checkpoint": 4, "weight": 0.5}]],
                    "eta": 0,
                },
            ]
        },
    )

    prompt: str = Field(min_length=1, max_length=MOST_CHARACTERS)
    policies: list[Annotated[list[PartWish], Field(max_length=MOST_PARTS)]] = Field(
        min_length=1,
        max_length=MOST_POLICIES,
        description="Each is a list of its parts: none is the base, one a checkpoint at some strength, two are mixed: "
        "every weight matrix is W + a * delta_1 + b * delta_2, exactly, where delta is the LoRA's alpha / rank * B A.",
    )
    negative_prompt: str | None = Field(None, max_length=MOST_CHARACTERS)
    steps: int | None = Field(None, ge=2, le=500)
    eta: float | None = Field(None, ge=0, le=1, description="0 is DDIM without noise.")
    guidance: float | None = Field(None, ge=1, le=50)
    seed: int | None = Field(None, ge=0, lt=MOST_SEED, description="Drawn where none is given.")
    draws: int = Field(1, ge=1, le=MOST_DRAWS, description="How many noises each policy draws a picture of.")


class PartShape(BaseModel):
    """A checkpoint in a policy."""

    checkpoint: int = Field(description="Its id.")
    number: int = Field(description="Its number in the study.")
    weight: float

    @classmethod
    def of(cls, part: Part) -> "PartShape":
        return cls(checkpoint=part.checkpoint_id, number=part.number, weight=part.weight)


class PlayedPolicyShape(BaseModel):
    """A policy and its pictures, one of each noise: the same noise at the same place for every policy."""

    parts: list[PartShape]
    images: list[str]


class PlaygroundTry(BaseModel):
    """A try of the playground; images are there once it is done, and stay until it is removed."""

    id: int
    study: int
    prompt: str
    seed: int
    draws: int
    eta: float
    sampling: dict[str, Any]
    policies: list[PlayedPolicyShape]
    truncated: bool = Field(description="The prompt is longer than the text encoder reads.")
    state: JobState
    error: str | None
    done: int = Field(description="Denoising steps done, of `total`.")
    total: int
    seconds_left: float | None = Field(description="An estimate; null while there is none.")
    seconds: float | None = Field(description="That drawing took.")
    page: str = Field(description="Where it is seen, by anyone of the house who may see checkpoints.")
    created_at: datetime

    @classmethod
    def of(cls, trying: Trying, links: PictureLinks, viewer_id: int) -> "PlaygroundTry":
        assert trying.policies is not None
        assert trying.study_id is not None
        names = set(cls.model_fields) & {"id", "prompt", "seed", "draws", "eta", "truncated", "state", "error", "done"}
        urls = [links.url(picture, viewer_id=viewer_id) for picture in trying.pictures]
        return cls(
            study=trying.study_id,
            sampling=trying.sampling.model_dump(),
            policies=[
                PlayedPolicyShape(
                    parts=[PartShape.of(part) for part in policy],
                    images=urls[number * trying.draws : (number + 1) * trying.draws],
                )
                for number, policy in enumerate(trying.policies)
            ],
            total=trying.total,
            seconds_left=trying.seconds_left,
            seconds=trying.seconds,
            page=f"/research/tries/{trying.id}",
            created_at=trying.created_at,
            **{name: getattr(trying, name) for name in names},
        )


class SavedPrompt(BaseModel):
    """The version of the prompt set that has the prompt now. Studies stay with the versions that they have."""

    prompt_set: int
    name: str
    version: int
    study_version: int = Field(description="The version that the study has, and keeps.")


@router.post(
    "/studies/{study_id}/playground", operation_id="create_playground_try", status_code=201,
    summary="Draw a prompt by the base and by checkpoints", responses=problems(429),
)  # fmt: skip
def ask(
    study_id: PathId, body: NewPlaygroundTry, response: Response, session: SessionDep, user: MayPlay, links: LinksDep,
    key: IdempotencyKey = None,
) -> PlaygroundTry:  # fmt: skip
    """A worker draws it before anything else that waits. 429 while three tries of the caller are at work."""
    made = playground.ask(
        session,
        study_id=study_id,
        prompt=body.prompt,
        policies=[[Wish(part.checkpoint, part.weight) for part in policy] for policy in body.policies],
        drawing=Drawing(
            steps=body.steps, eta=body.eta, guidance=body.guidance, negative_prompt=body.negative_prompt,
            seed=body.seed, draws=body.draws,
        ),
        actor=user,
        idempotency_key=key,
    )  # fmt: skip
    response.headers["Location"] = f"/api/v1/playground/{made.id}"
    return PlaygroundTry.of(playground.view(session, made.id), links, user.id)


@router.get("/playground", operation_id="list_playground_tries", summary="One's own tries, newest first")
def index(
    session: SessionDep, user: MayPlay, links: LinksDep, cursor: Cursor, limit: Limit = 50,
    study: Annotated[int | None, Query(ge=1, le=MOST_ID, description="Only those of this study.")] = None,
) -> Page[PlaygroundTry]:  # fmt: skip
    """Of the caller alone. Others' are seen by their id."""
    found = playground.own(session, user, study_id=study, before=cursor, limit=limit + 1)
    return page_of([PlaygroundTry.of(one, links, user.id) for one in found], limit, lambda one: one.id)


@router.get("/playground/{try_id}", operation_id="get_playground_try", summary="A try of the playground as it is now")
def show(try_id: PathId, session: SessionDep, user: MayPlay, links: LinksDep) -> PlaygroundTry:
    """Anyone's: what was drawn may be shown around in the house."""
    return PlaygroundTry.of(playground.view(session, try_id), links, user.id)


@router.post(
    "/playground/{try_id}/stop", operation_id="stop_playground_try", summary="Call a try off", responses=problems(409)
)
def stop(try_id: PathId, session: SessionDep, user: MayPlay, links: LinksDep) -> PlaygroundTry:
    """409 where it has ended, 403 where it is someone else's."""
    playground.stop(session, try_id=try_id, actor=user)
    session.flush()
    return PlaygroundTry.of(playground.view(session, try_id), links, user.id)


@router.delete(
    "/playground/{try_id}", operation_id="delete_playground_try", status_code=204,
    summary="Remove a try and its pictures", responses=problems(409),
)  # fmt: skip
def remove(try_id: PathId, session: SessionDep, artifacts: ArtifactsDep, user: MayPlay) -> None:
    """409 while it is at work, 403 where it is someone else's."""
    playground.remove(session, artifacts, try_id=try_id, actor=user)


@router.post(
    "/playground/{try_id}/prompt", operation_id="save_playground_prompt", status_code=201,
    summary="Save a try's prompt as an evaluation prompt", responses=problems(409),
)  # fmt: skip
def save_prompt(try_id: PathId, session: SessionDep, user: MayPlay) -> SavedPrompt:
    """Makes the next version of the study's prompt set. The study stays with its own version, and is evaluated on the
    prompts that it has; a new study may take this version. 409 where the newest version has the prompt already."""
    made = playground.save_prompt(session, try_id=try_id, actor=user)
    own = playground.own_prompts(session, playground.view(session, try_id).study_id or 0)
    return SavedPrompt(prompt_set=made.id, name=made.name, version=made.version, study_version=own.version)
