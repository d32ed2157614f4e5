"""`/account/tokens`: personal tokens made, listed and revoked. A new one is shown once."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.errors import BadInput, Conflict
from app.models import User
from app.services import personal_tokens, scopes
from app.web import forms, sealed
from app.web.deps import CurrentUser, SessionDep
from app.web.forms import Given, PostedForm
from app.web.templating import render

router = APIRouter(prefix="/account/tokens")

PATH = "/account/tokens"
DAYS = (7, 30, 90, 365)
DEFAULT_DAYS = "30"


@router.get("")
def index(request: Request, session: SessionDep, user: CurrentUser, revoked: bool = False) -> Response:
    response = _page(request, session, user, made=sealed.shown_once(request), revoked=revoked)
    sealed.forget(response, PATH)
    return response


@router.post("")
def create(request: Request, session: SessionDep, user: CurrentUser, form: PostedForm) -> Response:
    given, wanted = Given(forms.values(form)), _wanted(form)
    try:
        days = forms.whole_number(given["days"], field="days", low=1, high=personal_tokens.MOST_DAYS)
        row, token = personal_tokens.make(
            session, user=user, name=given["name"], wanted=wanted, days=days or int(DEFAULT_DAYS), actor=user
        )
    except (BadInput, Conflict) as error:
        return _page(request, session, user, given=given, wanted=wanted, error=error)
    response = RedirectResponse(PATH, 303)
    sealed.show_once(request, response, PATH, {"name": row.name, "token": token})
    return response


@router.post("/{token_id}/revoke")
def revoke(token_id: int, session: SessionDep, user: CurrentUser) -> Response:
    personal_tokens.revoke(session, user=user, token_id=token_id, actor=user)
    return RedirectResponse(f"{PATH}?revoked=true", 303)


def _wanted(form: FormData) -> list[str]:
    return [value for value in form.getlist("scopes") if isinstance(value, str)]


def _page(
    request: Request, session: Session, user: User, *, made: Mapping[str, str] | None = None, revoked: bool = False,
    given: Mapping[str, str] | None = None, wanted: list[str] | None = None, error: BadInput | Conflict | None = None,
) -> Response:  # fmt: skip
    return render(
        request,
        "account/tokens.html",
        status=error.status if error else 200,
        person=user,
        tokens=personal_tokens.of_user(session, user),
        allowed=scopes.of_role(user),
        made=made or {},
        revoked=revoked,
        given=Given({"days": DEFAULT_DAYS, **(given or {})}),
        wanted=wanted or [],
        days=DAYS,
        errors=Given(forms.faults(error, otherwise="name") if error else {}),
    )
