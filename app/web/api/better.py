"""Does it get better? The evaluation pictures of all policies, what judges say of them, and how people rank them."""

import math
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session

from app.models import Sampler
from app.services import evaluation_grid, evaluation_scores, evaluation_views, ranking, study_views
from app.services.bradley_terry import Open
from app.services.evaluation_scores import JudgeScores
from app.services.evaluation_views import Policy
from app.services.measures import Mean
from app.services.pictures import Picture
from app.services.ranking import Standing
from app.web.api.paging import Cursor, Page, cursor_of
from app.web.api.scoped import MayRead
from app.web.api.shapes import Shape
from app.web.deps import SessionDep

router = APIRouter(tags=["studies"])
NUMBER = "Number of the checkpoint in the study; 0 is the base."


class PolicyShape(Shape):
    number: int = Field(description=NUMBER)
    checkpoint: int | None = Field(description="Id of the checkpoint; null for the base.")

    @classmethod
    def of(cls, policy: Policy) -> "PolicyShape":
        return cls(number=policy.number, checkpoint=policy.checkpoint_id)


class GridPicture(Shape):
    """One policy's picture; the lossless file is at `image`."""

    policy: int = Field(description=NUMBER)
    sample: int
    image: str
    width: int
    height: int

    @classmethod
    def of(cls, policy: Policy, picture: Picture) -> "GridPicture":
        image = f"/api/v1/samples/{picture.sample_id}/image"
        return cls(
            policy=policy.number, sample=picture.sample_id, image=image, width=picture.width, height=picture.height
        )


class GridRow(Shape):
    """One prompt at one noise, with the pictures that are drawn by now."""

    prompt: int = Field(description="Its place in the prompt set, from 0; pages count from 1.")
    text: str
    draw: int
    pictures: list[GridPicture]


class Grid(Page[GridRow]):
    """Rows in the order of the prompts; `policies` are the columns."""

    policies: list[PolicyShape]
    prompts: int = Field(description="Of the whole evaluation set.")
    draws: int = Field(description="Of each prompt and sampler.")


class MeanShape(Shape):
    """With its interval of 95 %; null where nothing bounds it."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, mean: Mean) -> "MeanShape":
        return cls(mean=mean.mean, low=_finite(mean.low), high=_finite(mean.high))


class PolicyScoreShape(PolicyShape):
    sampler: Sampler
    pictures: int
    score: MeanShape
    difference: MeanShape | None = Field(description="To the base, picture by picture; null for the base itself.")
    paired: int = Field(description="Pictures that both have.")
    better: bool | None = Field(description="Null where chance could make the difference.")


class JudgeScoresShape(Shape):
    judge: str
    unit: str | None
    larger_is_better: bool | None
    policies: list[PolicyScoreShape]

    @classmethod
    def of(cls, found: JudgeScores) -> "JudgeScoresShape":
        policies = [
            PolicyScoreShape(
                **PolicyShape.of(one.policy).model_dump(), sampler=one.sampler, pictures=one.pictures,
                score=MeanShape.of(one.mean), paired=one.paired, better=found.is_better(one.difference),
                difference=MeanShape.of(one.difference) if one.difference else None,
            )
            for one in found.policies
        ]  # fmt: skip
        return cls(judge=found.judge, unit=found.unit, larger_is_better=found.larger_is_better, policies=policies)


class RankedShape(PolicyShape):
    """Ends of intervals are null where nothing bounds them; `open` says which. The value then rests on half a win added
    each way."""

    place: int
    strength: float = Field(description="Bradley–Terry log-strength; the base's is 0.")
    low: float | None
    high: float | None
    win_rate: float = Field(description="Expected share of choices won against the base.")
    win_rate_low: float
    win_rate_high: float
    open: Open
    choices: int

    @classmethod
    def of_standing(cls, found: Standing) -> "RankedShape":
        strength, rate = found.strength, found.rate
        return cls(
            **PolicyShape.of(found.policy).model_dump(), place=found.place, strength=strength.value,
            low=_finite(strength.low), high=_finite(strength.high), win_rate=rate.value, win_rate_low=rate.low,
            win_rate_high=rate.high, open=strength.open, choices=strength.choices,
        )  # fmt: skip


class RankingShape(Shape):
    """`standings` from the best on; `apart` are compared, but by no chain with the base."""

    choices: int
    standings: list[RankedShape]
    apart: list[PolicyShape]


@router.get(
    "/studies/{study_id}/evaluation/grid",
    operation_id="get_evaluation_grid",
    summary="Evaluation pictures: prompts by policies",
)
def grid(
    study_id: int, session: SessionDep, user: MayRead, cursor: Cursor,
    sampler: Sampler = Sampler.STUDY,
    draw: Annotated[int, Query(ge=0, le=10_000, description="Which noise, from 0.")] = 0,
    policies: Annotated[
        str,
        Query(
            max_length=400, pattern=r"^[0-9 ,]*$",
            description="Up to 12 numbers of checkpoints, such as `0,3,7`; without, the newest.",
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="Prompts of a page.")] = 50,
) -> Grid:  # fmt: skip
    """The same prompts and noise for every policy."""
    study_views.card(session, study_id)
    columns = _columns(session, study_id, policies)
    extent = evaluation_grid.extent(session, study_id)
    first = cursor or 0
    rows = evaluation_views.rows(session, study_id, columns, sampler=sampler, draw=draw, first=first, limit=limit)
    items = [
        GridRow(
            prompt=row.number, text=row.prompt, draw=row.draw,
            pictures=[GridPicture.of(p, one) for p, one in zip(columns, row.pictures, strict=True) if one],
        )
        for row in rows
    ]  # fmt: skip
    following = cursor_of(first + limit) if first + limit < extent.prompts else None
    return Grid(
        items=items, next=following, policies=[PolicyShape.of(policy) for policy in columns], prompts=extent.prompts,
        draws=extent.draws,
    )  # fmt: skip


@router.get(
    "/studies/{study_id}/evaluation/scores",
    operation_id="get_evaluation_scores",
    summary="Judge scores of all policies",
)
def scores(study_id: int, session: SessionDep, user: MayRead) -> list[JudgeScoresShape]:
    """Means over the evaluation pictures and paired differences to the base, with intervals of 95 %."""
    study_views.card(session, study_id)
    return [JudgeScoresShape.of(found) for found in evaluation_scores.of_study(session, study_id)]


@router.get(
    "/studies/{study_id}/evaluation/ranking",
    operation_id="get_ranking",
    summary="Policies ranked by people's comparisons",
)
def ranked(study_id: int, session: SessionDep, user: MayRead) -> RankingShape:
    """Bradley–Terry over all evaluation rounds of the study, ties half a win to each."""
    study_views.card(session, study_id)
    found = ranking.of_study(session, study_id)
    return RankingShape(
        choices=found.choices,
        standings=[RankedShape.of_standing(standing) for standing in found.standings],
        apart=[PolicyShape.of(policy) for policy in found.apart],
    )


def _columns(session: Session, study_id: int, text: str) -> list[Policy]:
    """The policies that are named; without, the base and the newest."""
    all_ = evaluation_grid.columns(session, study_id)
    if text.strip():
        return [column.policy for column in evaluation_grid.named(all_, text)]
    return [column.policy for column in evaluation_grid.pick(all_, evaluation_grid.Which.NEWEST)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
