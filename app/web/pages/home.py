"""`/`: the studies that wait for me, or how to sign in."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response
from starlette.requests import Request

from app.services import progress, thanks
from app.web import sign_in_form, timezones
from app.web.deps import IdentityDep, SessionDep
from app.web.templating import render

router = APIRouter()


@router.get("/")
def home(request: Request, session: SessionDep, identity: IdentityDep, declined: bool = False) -> Response:
    if identity.user is None:
        return render(request, "home/signed_out.html", **sign_in_form.view(request))
    return render(
        request,
        "home/home.html",
        studies=progress.of_studies(session, identity.user),
        day=progress.day(session, identity.user, zone=timezones.of(request), now=datetime.now(UTC)),
        notices=thanks.waiting(session, identity.user),
        declined=declined,
    )
