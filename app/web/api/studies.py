"""Studies: made and read; a round of a study launched."""

from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from app.models import Sampler, Split, User
from app.services import (
    base_models,
    estimates,
    evaluation_rounds,
    prompt_sets,
    round_views,
    rounds,
    studies,
    study_copies,
    study_files,
    study_views,
)
from app.services.prompt_texts import PromptLine
from app.study_settings import load_preset, merged
from app.web.api import ids  # noqa: F401 -- it registers the convertor of these paths
from app.web.api.answers import files
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRead, MayRunStudies
from app.web.api.shapes import IdempotencyKey, RoundDetail, Shape, StudyDetail, StudyShape
from app.web.deps import SessionDep
from app.web.ids import MOST_ID

router = APIRouter(tags=["studies"])


class NewPrompt(Body):
    text: str
    split: Split = Split.BOTH
    weight: int = Field(1, ge=1, le=100, description="How often a pass through the prompts visits it.")


class NewStudy(Body):
    name: str
    question: str
    base_model: str = Field(description="A folder on the site's machine, or a hub id.")
    revision: str | None = Field(None, description="Of a hub id: a branch, tag or commit.")
    prompts: list[str | NewPrompt] | None = Field(
        None, min_length=1, description="A text, or a text with its split and weight."
    )
    prompt_set: int | None = Field(None, description="Id of a prompt set that exists, instead of prompts.")
    preset: str = "paper"
    settings: dict[str, dict[str, Any]] = Field({}, description="What differs from the preset, by block and field.")
    seed: int | None = Field(None, ge=0, lt=2**31, description="Drawn where none is given.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewStudy":
        if (self.prompts is None) == (self.prompt_set is None):
            raise ValueError("give either prompts or prompt_set")
        return self


class StudyChange(Body):
    """What changes; what is left out stays."""

    name: str | None = None
    question: str | None = None
    settings: dict[str, dict[str, Any]] = Field({}, description="Of the blocks sampling, training and watching.")
    checkpoint: int | None = Field(
        None, ge=1, le=MOST_ID, description="What the next round starts from; null for the base. Left out, it stays."
    )
    auto_rounds: int | None = Field(
        None, ge=0, le=studies.MOST_AUTO_ROUNDS, description="Further rounds that the study launches by itself."
    )


class StudyCopy(Body):
    name: str
    seed: int | None = Field(None, ge=0, lt=2**31, description="Drawn where none is given.")


class StudyFile(Body):
    toml: str = Field(max_length=4 << 20, description="The file's content.")


class WhatIf(Body):
    preset: str = "paper"
    settings: dict[str, dict[str, Any]] = Field({}, description="What differs from the preset, by block and field.")
    base_model: int | None = Field(None, description="Id of a base model: its measurements and latents count.")
    prompt_set: int | None = Field(None, description="Id of a prompt set: its evaluation prompts count.")


class EstimateShape(Shape):
    """One round. Null: not measured yet, or the model or the prompts were not named."""

    samples: int
    pairs: int
    choices: int = Field(description="Asked of people.")
    optimizer_steps: int
    evaluation_pictures: int | None
    trajectory_bytes: int | None
    kept_trajectory_bytes: int | None = Field(description="At most, by retention, while rounds follow each other.")
    picture_bytes: float | None
    draw_seconds: float | None
    evaluation_seconds: float | None
    train_seconds: float | None
    machine_seconds: float | None
    people_seconds: float | None


class NewRound(Body):
    kind: Literal["preference", "evaluation"] = "preference"
    pairs: int | None = Field(
        None, ge=1, le=100_000, description="Groups to draw, where not as the study says. Evaluation: pairs; else all."
    )
    settings: dict[str, dict[str, Any]] = Field({}, description="What differs from the study's settings.")
    checkpoint: int | None = Field(
        None, description="Evaluation: id of one policy's checkpoint, null for the base; left out, the current one."
    )
    other_checkpoint: int | None = Field(None, description="Evaluation: id of the other's; null for the base.")
    sampler: Sampler = Field(Sampler.STUDY, description="Evaluation: how the pictures are drawn that are compared.")
    choices_per_pair: int | None = Field(
        None, ge=1, le=100, description="Evaluation: choices asked for on each pair, where not as the study says."
    )


@router.post("/studies", operation_id="create_study", status_code=201, summary="Make a study")
def create(
    body: NewStudy, response: Response, session: SessionDep, user: MayRunStudies, key: IdempotencyKey = None
) -> StudyDetail:
    """The base model is registered and pinned; prompts are stored as a prompt set of the study's name."""
    model = base_models.register_at_once(session, source=body.base_model, revision=body.revision, actor=user)
    prompts = _prompt_set(session, body, user)
    study = studies.create(
        session,
        name=body.name,
        question=body.question,
        base_model_id=model.id,
        prompt_set_id=prompts,
        preset=body.preset,
        settings=body.settings,
        seed=body.seed,
        actor=user,
        idempotency_key=key,
    )
    response.headers["Location"] = f"/api/v1/studies/{study.id}"
    return StudyDetail.of_page(study_views.page(session, study.id))


@router.get("/studies", operation_id="list_studies", summary="Studies, newest first")
def index(session: SessionDep, user: MayRead, cursor: Cursor, limit: Limit = 50) -> Page[StudyShape]:
    """Those that are not archived."""
    cards = study_views.cards(session, before=cursor, limit=limit + 1)
    return page_of([StudyShape.of(card) for card in cards], limit, lambda study: study.id)


@router.get("/studies/{study_id:id}", operation_id="get_study", summary="One study")
def show(study_id: int, session: SessionDep, user: MayRead) -> StudyDetail:
    """Its model, prompts and settings, and all rounds, newest first."""
    return StudyDetail.of_page(study_views.page(session, study_id))


@router.patch("/studies/{study_id}/labeling", operation_id="update_labeling", summary="Change the labeling settings")
def change_labeling(study_id: int, body: dict[str, Any], session: SessionDep, user: MayRunStudies) -> StudyDetail:
    """The fields that change, by name; also while rounds are open. 422 names what cannot be used."""
    studies.change_labeling(session, study_id=study_id, labeling=body, actor=user)
    return StudyDetail.of_page(study_views.page(session, study_id))


@router.patch("/studies/{study_id:id}", operation_id="update_study", summary="Change a study")
def change(study_id: int, body: StudyChange, session: SessionDep, user: MayRunStudies) -> StudyDetail:
    """Name, question, what later rounds draw and train with, what the next one starts from and how many follow by
    themselves. 422 names what cannot be used or changed any more; 409 for `checkpoint` while a round is open."""
    studies.change(
        session, study_id=study_id, name=body.name, question=body.question, settings=body.settings, actor=user
    )
    if "checkpoint" in body.model_fields_set:
        studies.set_checkpoint(session, study_id=study_id, checkpoint_id=body.checkpoint, actor=user)
    if body.auto_rounds is not None:
        studies.set_auto_rounds(session, study_id=study_id, rounds=body.auto_rounds, actor=user)
    return StudyDetail.of_page(study_views.page(session, study_id))


@router.post("/studies/{study_id}/archive", operation_id="archive_study", summary="Put a study into the archive")
def archive(study_id: int, session: SessionDep, user: MayRunStudies) -> StudyDetail:
    """409 while a round of it is open."""
    studies.archive(session, study_id=study_id, actor=user)
    return StudyDetail.of_page(study_views.page(session, study_id))


@router.post("/studies/{study_id}/unarchive", operation_id="unarchive_study", summary="Take a study out of the archive")
def unarchive(study_id: int, session: SessionDep, user: MayRunStudies) -> StudyDetail:
    """It is in the lists again; nothing else changes."""
    studies.unarchive(session, study_id=study_id, actor=user)
    return StudyDetail.of_page(study_views.page(session, study_id))


@router.post(
    "/studies/{study_id}/copy", operation_id="copy_study", status_code=201, summary="Make a study like this one"
)
def copy(study_id: int, body: StudyCopy, session: SessionDep, user: MayRunStudies) -> StudyDetail:
    """The same model, prompts and settings; pictures of its guidelines are left out."""
    made = study_copies.copy(session, study_id=study_id, name=body.name, seed=body.seed, actor=user)
    return StudyDetail.of_page(study_views.page(session, made.id))


@router.get(
    "/studies/{study_id}/file",
    operation_id="get_study_file",
    summary="A study as a file",
    response_class=Response,
    responses=files("application/toml", text=True),
)
def file(study_id: int, session: SessionDep, user: MayRead) -> Response:
    """TOML, as `tastemaker study create --file` reads it."""
    return PlainTextResponse(study_files.write(study_files.of_study(session, study_id)), media_type="application/toml")


@router.post(
    "/studies/file", operation_id="create_study_from_file", status_code=201, summary="Make a study from its file"
)
def from_file(body: StudyFile, session: SessionDep, user: MayRunStudies) -> StudyDetail:
    """The prompts stand in the file itself: other files are not read."""
    made = study_files.store(session, study_files.parse(body.toml, name="the file"), actor=user)
    return StudyDetail.of_page(study_views.page(session, made.id))


@router.post("/studies/estimate", operation_id="estimate_round", summary="What a round would take")
def estimate(body: WhatIf, session: SessionDep, user: MayRead) -> EstimateShape:
    """Pictures, choices, disk and time, from this instance's own measurements; null where there is none yet."""
    settings = merged(load_preset(body.preset)[0], body.settings)
    found = estimates.of_round(
        session,
        settings,
        model=base_models.get(session, body.base_model) if body.base_model is not None else None,
        evaluation_prompts=estimates.evaluation_prompts(session, prompt_sets.get(session, body.prompt_set).id)
        if body.prompt_set is not None
        else None,
    )
    return EstimateShape.model_validate(found)


@router.post("/studies/{study_id}/rounds", operation_id="launch_round", status_code=201, summary="Launch a round")
def launch(
    study_id: int, body: NewRound, response: Response, session: SessionDep, user: MayRunStudies,
    key: IdempotencyKey = None,
) -> RoundDetail:  # fmt: skip
    """409 while a preference round of the study is open; evaluation rounds may be open beside it. An evaluation round
    whose pictures are not all drawn has them drawn first."""
    if body.kind == "evaluation":
        current = studies.get(session, study_id).current_checkpoint_id
        made = evaluation_rounds.launch(
            session, study_id=study_id,
            checkpoint_id=body.checkpoint if "checkpoint" in body.model_fields_set else current,
            other_checkpoint_id=body.other_checkpoint, sampler=body.sampler, pairs=body.pairs,
            choices_per_pair=body.choices_per_pair, actor=user, idempotency_key=key,
        )  # fmt: skip
    else:
        made = rounds.launch(
            session, study_id=study_id, pairs=body.pairs, settings=body.settings, actor=user, idempotency_key=key
        )
    response.headers["Location"] = f"/api/v1/rounds/{made.id}"
    return RoundDetail.of_head(round_views.head(session, made.id))


def _prompt_set(session: Session, body: NewStudy, user: User) -> int:
    """The set that is named, or the one that the prompts make."""
    if body.prompt_set is not None:
        return prompt_sets.get(session, body.prompt_set).id
    lines = [
        PromptLine(one) if isinstance(one, str) else PromptLine(one.text, one.split, one.weight)
        for one in body.prompts or []
    ]
    return prompt_sets.create(session, name=body.name, prompts=lines, actor=user).id
