"""`/admin/users`: people, their roles, and links for them. Each link is shown once."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict
from app.models import LinkPurpose, Role, User
from app.services import accounts, links, people
from app.web import forms, sealed
from app.web.deps import RequireUserAdmin, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm
from app.web.templating import render

router = APIRouter(prefix="/admin/users")

PATH = "/admin/users"
PAGE = 100
LINKS = {"sign_in": "sign-in", "reset": "reset", "personal": "back"}
MOVES: dict[str, Callable[..., object]] = {
    "disable": people.disable,
    "enable": people.enable,
    "sign-out": people.sign_out,
}


@router.get("")
def index(
    request: Request, session: SessionDep, user: RequireUserAdmin, named: str = "", before: int | None = None
) -> Response:
    return _list(request, session, named=named.strip()[:200], before=before)


@router.post("")
def add(
    request: Request, session: SessionDep, user: RequireUserAdmin, settings: SettingsDep, form: PostedForm
) -> Response:
    """Add a person whom the admin knows, and show the link that signs them in."""
    given = Given(forms.values(form))
    role = Role(given["role"]) if given["role"] in set(Role) else Role.ANNOTATOR
    try:
        with session.begin_nested():
            added = accounts.add(
                session, handle=given["handle"], email=given["email"], email_verified=True, role=role, actor=user
            )
    except (BadInput, Conflict) as error:
        faults = forms.faults(error, otherwise="handle")
        return _list(request, session, given=given, errors=faults, status=error.status)
    return _with_link(request, session, settings.site_url, added, LinkPurpose.SIGN_IN, user)


@router.get("/{user_id}")
def show(request: Request, user_id: int, session: SessionDep, user: RequireUserAdmin) -> Response:
    response = render(
        request,
        "users/user.html",
        person=people.line(session, user_id),
        history=people.history(session, user_id),
        came_by=people.came_by(session, user_id),
        once=sealed.shown_once(request),
    )
    sealed.forget(response, f"{PATH}/{user_id}")
    return response


@router.post("/{user_id}/role")
def set_role(user_id: int, role: Annotated[Role, Form()], session: SessionDep, user: RequireUserAdmin) -> Response:
    people.set_role(session, user=people.get(session, user_id), role=role, actor=user)
    return RedirectResponse(f"{PATH}/{user_id}", 303)


@router.post("/{user_id}/link")
def make_link(
    request: Request, user_id: int, purpose: Annotated[LinkPurpose, Form()], session: SessionDep,
    user: RequireUserAdmin, settings: SettingsDep,
) -> Response:  # fmt: skip
    return _with_link(request, session, settings.site_url, people.get(session, user_id), purpose, user)


@router.post("/{user_id}/{move}")
def make_move(
    user_id: int, move: Literal["disable", "enable", "sign-out"], session: SessionDep, user: RequireUserAdmin
) -> Response:
    MOVES[move](session, user=people.get(session, user_id), actor=user)
    return RedirectResponse(f"{PATH}/{user_id}", 303)


def _with_link(
    request: Request, session: Session, site: str, person: User, purpose: LinkPurpose, actor: User
) -> Response:
    """To the person's page, which shows a new link once."""
    token = links.make(session, user=person, purpose=purpose, actor=actor)
    response = RedirectResponse(f"{PATH}/{person.id}", 303)
    shown = {"link": f"{site}/{LINKS[purpose.value]}/{token}", "purpose": purpose.value}
    sealed.show_once(request, response, f"{PATH}/{person.id}", shown)
    return response


def _list(
    request: Request, session: Session, *, named: str = "", before: int | None = None, given: Given | None = None,
    errors: dict[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    found = people.lines(session, before=before, limit=PAGE + 1, named=named)
    return render(
        request,
        "users/list.html",
        status=status,
        people=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        named=named,
        given=given or Given(),
        errors=Given(errors or {}),
    )
