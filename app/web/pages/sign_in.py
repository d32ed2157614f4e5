"""`/sign-in`: by name and password. `/sign-up`: an account of one's own, where this installation lets anyone in."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.errors import BadInput, Conflict, NotFound, NotSignedIn
from app.services import limits
from app.services import sign_in as signing_in
from app.settings import Settings
from app.web import forms, identity, sign_in_form
from app.web.deps import IdentityDep, LimitsDep, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm
from app.web.sign_in_form import START, local_path
from app.web.templating import render

router = APIRouter()

Next = Annotated[str, Form(alias="next")]


@router.get("/sign-in")
def show(request: Request, who: IdentityDep, next: str = START) -> Response:
    if who.user is not None and who.token is not None:
        return RedirectResponse(local_path(next), 303)
    return sign_in_form.page(request, next_=next)


@router.post("/sign-in")
def use(
    request: Request, session: SessionDep, counts: LimitsDep, name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "", next_: Next = START,
) -> Response:  # fmt: skip
    """A new session and on to `next`; where it is wrong, the form again with what was typed as name."""
    try:
        user = signing_in.with_password(session, counts, name=name, password=password, address=address(request))
    except NotSignedIn as error:
        return sign_in_form.page(request, status=error.status, next_=next_, name=name, error=str(error))
    response = RedirectResponse(local_path(next_), 303)
    identity.sign_in(request, response, session, user)
    return response


@router.get("/sign-up")
def new(request: Request, settings: SettingsDep, next: str = START) -> Response:
    _require_open(settings)
    return render(request, "sign_in/sign_up.html", given=Given({"next": local_path(next)}), errors=Given())


@router.post("/sign-up")
def sign_up(
    request: Request, session: SessionDep, settings: SettingsDep, counts: LimitsDep, form: PostedForm
) -> Response:
    _require_open(settings)
    counts.take(limits.NEWCOMERS, limits.network(address(request)))
    given = Given(forms.values(form))
    try:
        with session.begin_nested():
            user = signing_in.sign_up(
                session, handle=given["handle"], password=forms.secret(form, "password"), email=given["email"]
            )
    except (BadInput, Conflict) as error:
        faults = Given(forms.faults(error, otherwise="handle"))
        return render(request, "sign_in/sign_up.html", status=error.status, given=given, errors=faults)
    response = RedirectResponse(local_path(given["next"]), 303)
    identity.sign_in(request, response, session, user)
    return response


def address(request: Request) -> str:
    """Where the request came from, as far as the proxy that uvicorn trusts says it."""
    return request.client.host if request.client else ""


def _require_open(settings: Settings) -> None:
    if not settings.open_sign_up:
        raise NotFound("Accounts are made by invite here.", "Ask whoever runs this site for one.")
