"""`/admin/invites`: invites made, listed and taken back. A new one's link is shown once, to copy or as a QR code."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Role, User
from app.services import invite_views, invites, studies
from app.web import forms, sealed
from app.web.deps import RequireUserAdmin, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm, beside
from app.web.qr import qr_code
from app.web.templating import render

router = APIRouter(prefix="/admin/invites")

PATH = "/admin/invites"
NUMBERS = {"max_uses": invites.MOST_USES, "days": invites.MOST_DAYS, "choices_wanted": invites.MOST_USES}
DEFAULTS = {"role": Role.ANNOTATOR.value, "days": "30"}


@router.get("")
def index(request: Request, session: SessionDep, user: RequireUserAdmin) -> Response:
    """`?study=` chooses the study in the form beforehand."""
    given = {**DEFAULTS, "study": request.query_params.get("study", "")}
    response = _page(request, session, given, made=sealed.shown_once(request))
    sealed.forget(response, PATH)
    return response


@router.post("")
def create(
    request: Request, session: SessionDep, user: RequireUserAdmin, settings: SettingsDep, form: PostedForm
) -> Response:
    posted = Given(forms.values(form))
    try:
        token = _make(session, posted, user)
    except BadInput as error:
        return _page(request, session, posted, errors=forms.faults(error, otherwise="name"), status=error.status)
    response = RedirectResponse(PATH, 303)
    sealed.show_once(
        request, response, PATH, {"name": posted["name"], "link": f"{settings.site_url}/join/{token}"}
    )  # fmt: skip
    return response


@router.post("/{invite_id}/revoke")
def revoke(invite_id: int, session: SessionDep, user: RequireUserAdmin) -> Response:
    invites.revoke(session, invite_id=invite_id, actor=user)
    return RedirectResponse(PATH, 303)


def _make(session: Session, posted: Given, user: User) -> str:
    """A new invite from the form: its token. Raises `BadInput` with all that cannot be used."""
    errors: dict[str, str] = {}
    numbers: dict[str, int | None] = {}
    for name, most in NUMBERS.items():
        with beside(errors, name):
            numbers[name] = forms.whole_number(posted[name], field=name, low=1, high=most)
    if errors:
        raise BadInput("Some fields cannot be used as they are.", fields=errors)
    _, token = invites.make(
        session,
        name=posted["name"],
        actor=user,
        role=Role(posted["role"]) if posted["role"] in set(Role) else Role.ANNOTATOR,
        study_id=forms.whole_number(posted["study"], field="study", low=1, high=2**62),
        needs_account="needs_account" in posted,
        max_uses=numbers["max_uses"],
        days=numbers["days"] or int(DEFAULTS["days"]),
        choices_wanted=numbers["choices_wanted"],
        return_url=posted["return_url"],
        completion_code=posted["completion_code"],
    )
    return token


def _page(
    request: Request, session: Session, given: Mapping[str, str], *, made: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    link = (made or {}).get("link", "")
    return render(
        request,
        "invites/list.html",
        status=status,
        invites=invite_views.lines(session),
        studies=[(study.id, study.name) for study in studies.every(session)],
        given=Given(given),
        errors=Given(errors or {}),
        link=link,
        made=(made or {}).get("name", ""),
        qr=qr_code(link) if link else "",
    )
