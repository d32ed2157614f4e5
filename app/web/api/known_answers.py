"""Known answers: what is right for a pair, so that it can be shown as a test or in a warm-up."""

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.models import Answer
from app.services import gold, gold_views, studies
from app.services.gold_views import GoldPair
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayManagePeople
from app.web.api.shapes import Shape
from app.web.deps import SessionDep
from app.web.ids import PathId

router = APIRouter(tags=["quality"])


class NewKnownAnswer(Body):
    answer: Answer = Field(description="In the pair's own order. Not `skip`.")


class KnownAnswerShape(Shape):
    """What an admin said is right for a pair."""

    pair: int
    answer: Answer


class JudgedPairShape(BaseModel):
    """A pair that may be known by its answer: what was set, what people said, and how often it was a test."""

    pair: int
    round: int = Field(description="The round's number in its study.")
    prompt: str
    first: int = Field(description="Id of its first sample.")
    second: int = Field(description="Id of its second sample.")
    answer: Answer | None = Field(description="What an admin set; null where nobody did.")
    votes: dict[Answer, int] = Field(
        description="How often people answered each; answers that never came are left out."
    )
    shown: int = Field(description="How often it was answered as a test.")
    right: int = Field(description="How often of these rightly.")

    @classmethod
    def of(cls, pair: GoldPair) -> "JudgedPairShape":
        same = ("prompt", "answer", "votes", "shown", "right")
        return cls(
            pair=pair.id,
            round=pair.round_number,
            first=pair.first.sample_id,
            second=pair.second.sample_id,
            **{name: getattr(pair, name) for name in same},
        )


@router.get(
    "/studies/{study_id}/known-answers",
    operation_id="list_known_answers",
    summary="Pairs whose answer is known or may become so, newest first",
)
def index(
    study_id: PathId, session: SessionDep, user: MayManagePeople, cursor: Cursor, limit: Limit = 50,
    only_set: bool = Query(True, description="Those that an admin set; else all that have their choices."),
) -> Page[JudgedPairShape]:  # fmt: skip
    """Pairs of blind comparisons are never among them. A page goes by the pair's id."""
    studies.get(session, study_id)
    found = gold_views.pairs(session, study_id, only_set=only_set, before=cursor, limit=limit + 1)
    return page_of([JudgedPairShape.of(pair) for pair in found], limit, lambda one: one.pair)


@router.put("/pairs/{pair_id}/known-answer", operation_id="set_known_answer", summary="Say what is right for a pair")
def set_(pair_id: PathId, body: NewKnownAnswer, session: SessionDep, user: MayManagePeople) -> KnownAnswerShape:
    """It changes what is shown from now on, not what was judged by it before. 422 for a pair of a blind comparison and
    for one that is shown to nobody."""
    row = gold.set_answer(session, pair_id=pair_id, answer=body.answer, actor=user)
    return KnownAnswerShape(pair=row.pair_id, answer=row.answer)


@router.delete(
    "/pairs/{pair_id}/known-answer",
    operation_id="delete_known_answer",
    status_code=204,
    summary="Take a pair's known answer back",
)
def unset(pair_id: PathId, session: SessionDep, user: MayManagePeople) -> None:
    """Where none was set, nothing changes."""
    gold.unset(session, pair_id=pair_id, actor=user)
