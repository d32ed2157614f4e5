"""`/`: the studies that wait for me, or how to sign in."""

from fastapi import APIRouter, Response
from starlette.requests import Request

from app.services import waiting
from app.web import sign_in_form
from app.web.deps import IdentityDep, SessionDep
from app.web.templating import render

router = APIRouter()


@router.get("/")
def home(request: Request, session: SessionDep, identity: IdentityDep, declined: bool = False) -> Response:
    if identity.user is None:
        return render(request, "home/signed_out.html", **sign_in_form.view(request))
    return render(request, "home/home.html", studies=waiting.for_user(session, identity.user), declined=declined)
