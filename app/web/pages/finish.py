"""`/annotate/{study}/finish`: what someone gets at the end. `/thanks/{round}`: what their choices have done."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from app.services import admission, endings, invites, progress, thanks
from app.web import timezones
from app.web.deps import RequireAnnotator, SessionDep
from app.web.templating import render

router = APIRouter()


@router.get("/annotate/{study_id}/finish")
def finish(request: Request, study_id: int, session: SessionDep, user: RequireAnnotator) -> Response:
    study = admission.study_for(session, study_id, user=user)
    ending = invites.ending(session, study_id=study_id, user=user)
    return render(
        request,
        "home/finish.html",
        study_id=study.id,
        name=study.name,
        ending=ending,
        earned=ending is not None and endings.is_earned(session, study_id=study_id, user=user, ending=ending),
        day=progress.day(session, user, zone=timezones.of(request), now=datetime.now(UTC)),
        notices=thanks.waiting(session, user, study_id=study_id),
    )


@router.get("/thanks/{round_id}")
def thank(request: Request, round_id: int, session: SessionDep, user: RequireAnnotator) -> Response:
    """Before and after of a round that this person worked on."""
    return render(request, "home/thanks.html", thanks=thanks.of_round(session, round_id, user=user))
