"""Prompt sets: made, read, and how a study's prompts fare."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, model_validator

from app.models import Split
from app.services import base_models, prompt_drafts, prompt_figures, prompt_lists, prompt_sets, prompt_views, studies
from app.services.prompt_drafts import Draft, Review, Splitting
from app.services.prompt_figures import PromptFigures
from app.services.prompt_texts import Form
from app.services.prompt_views import SetLine
from app.web.api import ids  # noqa: F401 -- it registers the convertor of these paths
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRead, MayRunStudies
from app.web.api.shapes import Shape, ShareShape
from app.web.deps import SessionDep

router = APIRouter(tags=["prompts"])

MOST_ROUNDS = 2**31 - 1
SomeRounds = Annotated[int, Field(ge=1, le=MOST_ROUNDS)]


class PromptList(Body):
    """A list as text, or the name of one that is shipped."""

    text: str | None = Field(None, description="The list, written as `form` says.")
    form: Form = Form.LINES
    ready: str | None = Field(None, description="A list of `GET /prompt-lists`, instead of a text.")
    splitting: Splitting = Field(Splitting.LINES, description="How prompts are divided among training and evaluation.")
    held: float = Field(0.2, gt=0, lt=1, description="With `share`: the share held for evaluation.")
    keep_repeats: bool = Field(False, description="Keep repeats that differ in letter case or blanks.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "PromptList":
        if (self.text is None) == (self.ready is None):
            raise ValueError("give either text or ready")
        return self

    def draft(self) -> Draft:
        text = prompt_lists.get(self.ready).text if self.ready else self.text or ""
        return Draft(text, Form.LINES if self.ready else self.form, self.splitting, self.held, self.keep_repeats)


class NewPromptSet(PromptList):
    name: str = Field(description="A name that exists gets its next version.")


class Preview(PromptList):
    base_model: int | None = Field(None, description="Id of the model whose text encoder's limit is looked at.")


class ReviewedShape(Shape):
    """One line of the list. `repeats` is the line that said the same before."""

    line: int
    text: str
    split: Split
    weight: int
    repeats: int | None
    left_out: bool
    over_limit: bool


class ReviewShape(BaseModel):
    """What would be saved."""

    prompts: int
    train: int
    evaluation: int
    lines: list[ReviewedShape]

    @classmethod
    def of(cls, review: Review) -> "ReviewShape":
        lines = [
            ReviewedShape(
                line=one.line, text=one.prompt.text, split=one.prompt.split, weight=one.prompt.weight,
                repeats=one.repeats, left_out=one.left_out, over_limit=one.over_limit,
            )
            for one in review.lines
        ]  # fmt: skip
        return cls(
            prompts=len(review.kept),
            train=review.count(Split.TRAIN),
            evaluation=review.count(Split.EVAL),
            lines=lines,
        )


class PromptSetShape(Shape):
    """One version of a set."""

    id: int
    name: str
    version: int
    sha256: str
    prompts: int
    train: int = Field(description="How many are used for training.")
    evaluation: int = Field(description="How many are used for evaluation.")
    studies: int = Field(description="How many studies use this version.")
    created_at: datetime

    @classmethod
    def of(cls, line: SetLine) -> "PromptSetShape":
        return cls.model_validate(line)


class SetPromptShape(Shape):
    number: int = Field(description="Its place in the set, from 0; pages count from 1.")
    text: str
    split: Split
    weight: int


class PromptSetDetail(PromptSetShape):
    versions: list[PromptSetShape] = Field(description="All versions of this name, newest first.")
    items: list[SetPromptShape]


class ReadyShape(Shape):
    name: str
    title: str
    about: str
    licence: str
    prompts: int


class PromptFiguresShape(BaseModel):
    """How one prompt fares in the study."""

    number: int = Field(description="Its place in the set, from 0; pages count from 1.")
    text: str
    split: Split
    weight: int
    drawn: int = Field(description="Groups drawn from it.")
    answers: int = Field(description="Counted choices, without skips.")
    skips: int
    agreement: float | None = Field(description="Of two answers on one pair, how often both were the same.")
    newer_wins: ShareShape = Field(description="Decided answers of comparisons for the newer policy's picture.")
    ties: ShareShape
    both_bad: ShareShape


class StudyPromptsShape(BaseModel):
    preference_rounds: int = Field(description="Of how many of the newest rounds the figures are.")
    comparisons: int
    prompts: list[PromptFiguresShape]


@router.get("/prompt-lists", operation_id="list_prompt_lists", summary="Prompt lists that are shipped")
def ready(user: MayRead) -> list[ReadyShape]:
    """Give a name as `ready` to make a set of it."""
    return [ReadyShape.model_validate(one) for one in prompt_lists.every()]


@router.get("/prompt-sets", operation_id="list_prompt_sets", summary="Prompt sets by name, the newest version of each")
def index(session: SessionDep, user: MayRead, cursor: Cursor, limit: Limit = 50) -> Page[PromptSetShape]:
    """Older versions are told by each set."""
    sets = prompt_views.every(session, before=cursor, limit=limit + 1)
    return page_of([PromptSetShape.of(one.newest) for one in sets], limit, lambda line: line.id)


@router.post(
    "/prompt-sets",
    operation_id="create_prompt_set",
    status_code=201,
    summary="Make a prompt set, or a set's next version",
)
def create(body: NewPromptSet, response: Response, session: SessionDep, user: MayRunStudies) -> PromptSetDetail:
    """A list that equals the newest version of this name gives that version."""
    review = prompt_drafts.review(body.draft())
    made = prompt_sets.create(session, name=body.name, prompts=review.kept, actor=user)
    response.headers["Location"] = f"/api/v1/prompt-sets/{made.id}"
    return _detail(session, made.id)


@router.post("/prompt-sets/preview", operation_id="preview_prompt_set", summary="What a list would become")
def preview(body: Preview, session: SessionDep, user: MayRunStudies) -> ReviewShape:
    """Repeats, splits, weights, and prompts that the model's text encoder would cut. Nothing is stored."""
    model = base_models.get(session, body.base_model) if body.base_model is not None else None
    return ReviewShape.of(prompt_drafts.review(body.draft(), model=model))


@router.get("/prompt-sets/{prompt_set_id:id}", operation_id="get_prompt_set", summary="One version of a prompt set")
def show(prompt_set_id: int, session: SessionDep, user: MayRead) -> PromptSetDetail:
    """Its prompts in their order, and all versions of its name."""
    return _detail(session, prompt_set_id)


@router.get("/studies/{study_id}/prompts", operation_id="get_study_prompts", summary="How a study's prompts fare")
def of_study(
    study_id: int, session: SessionDep, user: MayRead,
    rounds: Annotated[SomeRounds | Literal["all"], Query(description="The newest so many rounds of each kind.")] = 20,
) -> StudyPromptsShape:  # fmt: skip
    """Over the newest `rounds` of each kind: how often each prompt was drawn, how people agree, which policy wins."""
    study = studies.get(session, study_id)
    found = prompt_figures.of_study(session, study, rounds=MOST_ROUNDS if rounds == "all" else rounds)
    prompts = prompt_sets.prompts_of(session, study.prompt_set_id)
    return StudyPromptsShape(
        preference_rounds=found.preference_rounds,
        comparisons=found.comparisons,
        prompts=[
            _figures(found.of(prompt.id), SetPromptShape.model_validate(prompt)) for prompt in prompts
        ],
    )  # fmt: skip


def _detail(session: SessionDep, prompt_set_id: int) -> PromptSetDetail:
    page = prompt_views.page(session, prompt_set_id)
    return PromptSetDetail(
        **PromptSetShape.of(page.line).model_dump(),
        versions=[PromptSetShape.of(line) for line in page.versions],
        items=[SetPromptShape.model_validate(row) for row in prompt_sets.prompts_of(session, prompt_set_id)],
    )


def _figures(one: PromptFigures, prompt: SetPromptShape) -> PromptFiguresShape:
    return PromptFiguresShape(
        **prompt.model_dump(),
        drawn=one.drawn,
        answers=one.answers,
        skips=one.skips,
        agreement=one.agreement,
        newer_wins=ShareShape.of_share(one.wins),
        ties=ShareShape.of_share(one.ties_share),
        both_bad=ShareShape.of_share(one.both_bad_share),
    )
