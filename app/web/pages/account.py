"""`/account`: who I am, and signing out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.services import accounts
from app.web.deps import CurrentUser, IdentityDep, SessionDep
from app.web.identity import drop_cookie
from app.web.templating import render

router = APIRouter(prefix="/account")


@router.get("")
def show(request: Request, user: CurrentUser) -> Response:
    return render(request, "account/account.html", handle=user.handle, since=user.created_at)


@router.post("/sign-out")
def sign_out(request: Request, session: SessionDep, identity: IdentityDep) -> Response:
    if identity.token is not None:
        accounts.sign_out(session, identity.token)
    return _signed_out(request)


@router.post("/sign-out-everywhere")
def sign_out_everywhere(request: Request, session: SessionDep, user: CurrentUser) -> Response:
    accounts.sign_out_everywhere(session, user=user)
    return _signed_out(request)


def _signed_out(request: Request) -> Response:
    response = RedirectResponse("/", 303)
    drop_cookie(request, response)
    return response
