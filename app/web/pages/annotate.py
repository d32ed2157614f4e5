"""`/annotate/{study}`: the pair page. Its script speaks the API; without one, each answer is a form and a redirect."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.errors import Conflict
from app.models import Answer
from app.services import admission, before, choices, dealing, invites, thanks
from app.web import languages, pair_start, timezones
from app.web.deps import LinksDep, RequireAnnotator, SessionDep, SettingsDep
from app.web.pairs import next_pairs
from app.web.templating import render

router = APIRouter(prefix="/annotate/{study_id}")

AHEAD = 3


@router.get("")
def show(
    request: Request,
    study_id: int,
    session: SessionDep,
    user: RequireAnnotator,
    links: LinksDep,
    settings: SettingsDep,
    answered: bool = False,
) -> Response:
    study = admission.study_for(session, study_id, user=user)
    if before.needed(session, study, user) is not None:
        return RedirectResponse(f"/annotate/{study_id}/before", 303)
    language = languages.of(request)
    dealt = next_pairs(session, links, study_id=study_id, user=user, count=AHEAD, language=language)
    # this page holds them from now on: what the page before a reload still gives back ends none of them
    until = dealing.renew(session, user=user, lease_ids=[pair.lease for pair in dealt.pairs])
    ending = invites.ending(session, study_id=study_id, user=user)
    return render(
        request,
        "annotate/pair.html",
        study_id=study.id,
        name=study.name,
        question=study.question,
        pair=dealt.pairs[0] if dealt.pairs else None,
        state=dealt.reason or "drawing",
        waiting=dealt.waiting,
        key=uuid.uuid4(),
        last=next(iter(choices.mine(session, user=user, study_id=study_id, limit=1)), None),
        answered_before=answered,
        has_guidelines=before.has_texts(study),
        ending=ending,
        notices=[] if dealt.pairs else thanks.waiting(session, user, study_id=study_id),
        start={
            **pair_start.start(study, user, dealt, settings),
            **pair_start.figures(session, user, ending, zone=timezones.of(request)),
            "until": until.isoformat(),
        },
    )


@router.post("")
def choose(
    study_id: int,
    session: SessionDep,
    user: RequireAnnotator,
    pair: Annotated[int, Form()],
    lease: Annotated[int, Form()],
    key: Annotated[uuid.UUID, Form()],
    choice: Annotated[Answer, Form()],
) -> Response:
    try:
        choices.record(session, pair_id=pair, user=user, answer=choice, key=key, lease_id=lease, response_ms=None)
    except Conflict:  # the page before, reached by "back", answered again: what was said first stands
        return RedirectResponse(f"/annotate/{study_id}?answered=true", 303)
    return RedirectResponse(f"/annotate/{study_id}", 303)


@router.post("/undo")
def undo(
    study_id: int,
    session: SessionDep,
    user: RequireAnnotator,
    pair: Annotated[int, Form()],
    key: Annotated[uuid.UUID, Form()],
) -> Response:
    choices.undo(session, user=user, pair_id=pair, key=key)
    return RedirectResponse(f"/annotate/{study_id}", 303)


@router.post("/explain")
def explain(
    study_id: int,
    session: SessionDep,
    user: RequireAnnotator,
    pair: Annotated[int, Form()],
    key: Annotated[uuid.UUID, Form()],
    reasons: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    comment: Annotated[str, Form(max_length=choices.LONGEST_COMMENT)] = "",
) -> Response:
    choices.explain(session, user=user, pair_id=pair, key=key, reasons=reasons, comment=comment)
    return RedirectResponse(f"/annotate/{study_id}", 303)
