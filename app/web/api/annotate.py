"""The annotator's API: pairs on lease, choices, undo."""

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field, WithJsonSchema

from app.models import Answer
from app.services import before, choices, dealing, studies
from app.web import languages
from app.web.api.bodies import Body
from app.web.api.scoped import MayAnnotate
from app.web.deps import LinksDep, SessionDep
from app.web.pairs import Next, next_pairs

router = APIRouter(tags=["annotating"])


# a form has neither lists nor null: a list of one looks like the one, and what is left out or empty is none
SOME = {"anyOf": [{"type": "array", "items": {"type": "integer"}, "maxItems": 50}, {"type": "integer"}]}
TIME = {"type": "string", "examples": ["2026-03-14T09:30:00Z"]}


class NewChoice(Body):
    choice: Answer = Field(description="`first` and `second` mean the pair's own order, never the screen side.")
    key: uuid.UUID = Field(description="Made by the client: the same key again gives the stored choice.")
    lease: int
    response_ms: int | None = Field(None, ge=0, description="From the picture's showing to the answer.")


class MadeChoice(BaseModel):
    pair: int
    choice: Answer
    key: uuid.UUID
    late: bool = Field(description="It came after the round's training set was frozen.")
    extra: bool = Field(description="It came to a pair that others had filled already; it is kept, and counts.")


class Explanation(Body):
    reasons: list[str] = Field([], max_length=50, description="Tags of the study that fit.")
    comment: str = Field("", max_length=choices.LONGEST_COMMENT)


class Leases(Body):
    leases: list[int] = Field(max_length=50)


class Renewed(BaseModel):
    until: datetime


@router.get("/studies/{study_id}/next", operation_id="next_pairs", summary="The next pairs to answer")
def next_(
    request: Request,
    study_id: int,
    session: SessionDep,
    user: MayAnnotate,
    links: LinksDep,
    count: Annotated[int, Query(ge=1, le=5)] = 1,
) -> Next:
    """Your live leases first, then new ones: asked twice, in two tabs or after a reload, the same pairs.

    409 with `reload` where guidelines or consent have to be seen first, at `/annotate/{study_id}/before`.
    """
    study = studies.get(session, study_id)  # kept by name, so that it is read once for all that follows
    before.require(session, study, user)
    return next_pairs(session, links, study_id=study_id, user=user, count=count, language=languages.of(request))


@router.post("/pairs/{pair_id}/choice", operation_id="answer_pair", summary="Answer a pair")
def choose(pair_id: int, body: NewChoice, session: SessionDep, user: MayAnnotate) -> MadeChoice:
    """Safe to send twice. 409 with `choice` where another answer of yours stands on this lease."""
    made = choices.record(
        session,
        pair_id=pair_id,
        user=user,
        answer=body.choice,
        key=body.key,
        lease_id=body.lease,
        response_ms=body.response_ms,
    )
    return MadeChoice.model_validate(choices.view(made))


@router.delete("/pairs/{pair_id}/choice", operation_id="undo_choice", summary="Undo an answer")
def undo(pair_id: int, key: uuid.UUID, session: SessionDep, user: MayAnnotate) -> MadeChoice:
    """The pair is yours again for a lease's time. Undoing twice changes nothing."""
    undone = choices.undo(session, user=user, pair_id=pair_id, key=key)
    return MadeChoice.model_validate(choices.view(undone))


@router.patch("/pairs/{pair_id}/choice", operation_id="explain_choice", summary="Say why")
def explain(pair_id: int, key: uuid.UUID, body: Explanation, session: SessionDep, user: MayAnnotate) -> MadeChoice:
    """Reasons of a standing choice, in place of those said before. 422 where the study does not ask for them."""
    explained = choices.explain(
        session, user=user, pair_id=pair_id, key=key, reasons=body.reasons, comment=body.comment
    )
    return MadeChoice.model_validate(choices.view(explained))


@router.post("/leases/renew", operation_id="renew_leases", summary="Keep leases for another while")
def renew(body: Leases, session: SessionDep, user: MayAnnotate) -> Renewed:
    """For a visible page with input in the last two minutes; leases that ran out stay as they are."""
    return Renewed(until=dealing.renew(session, user=user, lease_ids=body.leases))


@router.post("/leases/give-back", operation_id="give_back_leases", summary="Give leases back", status_code=204)
def give_back(
    session: SessionDep,
    user: MayAnnotate,
    leases: Annotated[list[int], Form(max_length=50), WithJsonSchema(SOME)] = [],  # noqa: B006 -- FastAPI copies it
    until: Annotated[datetime | None, Form(), WithJsonSchema(TIME)] = None,
) -> None:
    """A form of `leases`, `until` and `csrf_token`, since a page that is being left can send no header (sendBeacon).

    Leases that run longer than `until` were shown by another page since, and stay.
    """
    dealing.give_back(session, user=user, lease_ids=leases, until=until)
