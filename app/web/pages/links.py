"""Links that belong to one person: `/sign-in/…` once, `/reset/…` for a new password, `/back/…` as often as needed.

Opening one shows a button and only the button does something, so that a link preview in a chat uses nothing up and
nobody is signed in by a page of another site.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import LinkPurpose, User
from app.services import links, sign_in
from app.web import identity
from app.web.deps import SessionDep
from app.web.templating import render

router = APIRouter()


@router.get("/sign-in/{token}")
def show_sign_in(request: Request, token: str, session: SessionDep) -> Response:
    return _show(request, session, token, LinkPurpose.SIGN_IN)


@router.post("/sign-in/{token}")
def use_sign_in(request: Request, token: str, session: SessionDep) -> Response:
    return _signed_in(request, session, links.use(session, token, purpose=LinkPurpose.SIGN_IN))


@router.get("/back/{token}")
def show_personal(request: Request, token: str, session: SessionDep) -> Response:
    return _show(request, session, token, LinkPurpose.PERSONAL)


@router.post("/back/{token}")
def use_personal(request: Request, token: str, session: SessionDep) -> Response:
    return _signed_in(request, session, links.use(session, token, purpose=LinkPurpose.PERSONAL))


@router.get("/reset/{token}")
def show_reset(request: Request, token: str, session: SessionDep) -> Response:
    holder = links.holder(session, token, purpose=LinkPurpose.RESET)
    return render(request, "sign_in/reset.html", name=holder.display_name, handle=holder.handle, error="")


@router.post("/reset/{token}")
def reset(request: Request, token: str, session: SessionDep, password: Annotated[str, Form()] = "") -> Response:
    """Set the password, end every session, and sign in here; where it is too weak, the form again."""
    try:
        with session.begin_nested():
            user = sign_in.reset_password(session, token, password=password)
    except BadInput as error:
        holder = links.holder(session, token, purpose=LinkPurpose.RESET)
        return render(
            request,
            "sign_in/reset.html",
            status=error.status,
            name=holder.display_name,
            handle=holder.handle,
            error=error.fields["password"],
        )
    return _signed_in(request, session, user)


def _show(request: Request, session: Session, token: str, purpose: LinkPurpose) -> Response:
    holder = links.holder(session, token, purpose=purpose)
    once = purpose is LinkPurpose.SIGN_IN
    return render(request, "sign_in/link.html", name=holder.display_name, once=once)


def _signed_in(request: Request, session: Session, user: User) -> Response:
    """To the start page, as `user`."""
    response = RedirectResponse("/", 303)
    identity.sign_in(request, response, session, user)
    return response
