"""One-time sign-in links. Opening one shows a button and only the button uses it up, so that a link preview in a chat
does not burn it."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.services import accounts
from app.web.deps import SessionDep
from app.web.identity import set_cookie
from app.web.templating import render

router = APIRouter()


@router.get("/sign-in/{token}")
def show(request: Request, token: str, session: SessionDep) -> Response:
    holder = accounts.link_holder(session, token)
    return render(request, "sign_in/link.html", name=holder.display_name, token=token)


@router.post("/sign-in/{token}")
def use(request: Request, token: str, session: SessionDep) -> Response:
    response = RedirectResponse("/", 303)
    set_cookie(request, response, accounts.use_link(session, token))
    return response
