"""`/join/{token}`: people come in by an invite. A panel adds its own id for the person to the address."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict
from app.models import Invite, LinkPurpose, Study, User
from app.services import invites, limits, links
from app.services.invites import Newcomer
from app.web import forms, identity, sealed
from app.web.deps import CurrentUser, IdentityDep, LimitsDep, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm
from app.web.pages.sign_in import address
from app.web.sign_in_form import local_path
from app.web.templating import render

router = APIRouter(prefix="/join")

# what panels call the id of a person: Prolific, MTurk, CloudResearch, SONA, and our own word first
PARTICIPANT = ("participant", "PROLIFIC_PID", "workerId", "participantId", "participant_id", "survey_code", "pid")
WELCOME = "/join/welcome"


@router.get("/welcome")
def welcome(request: Request, user: CurrentUser) -> Response:
    """A guest's personal link, shown once, and on to the study."""
    once = sealed.shown_once(request)
    if "link" not in once:
        return RedirectResponse("/", 303)
    response = render(request, "join/welcome.html", link=once["link"], on=local_path(once["on"]))
    sealed.forget(response, WELCOME)
    return response


@router.get("/{token}")
def show(request: Request, token: str, session: SessionDep, who: IdentityDep) -> Response:
    invite, participant = invites.find(session, token), _participant(request)
    if who.user is not None and not _is_another(session, invite, who.user, participant):
        if invites.use_of(session, invite, user=who.user) is not None:
            return RedirectResponse(_target(invite), 303)
        invites.require_open(session, invite)
        return _page(request, session, invite)
    returning = invites.returning(session, invite, participant)
    if returning is None:
        invites.require_open(session, invite)
    return _page(request, session, invite, returning=returning, newcomer=True)


@router.post("/{token}")
def join(
    request: Request, token: str, session: SessionDep, who: IdentityDep, counts: LimitsDep, settings: SettingsDep,
    form: PostedForm,
) -> Response:  # fmt: skip
    """A signed-in person just joins; who came with the same outside id before goes on as the same person; anyone else
    is new, and a new guest is shown their personal link."""
    invite, participant, given = invites.find(session, token), _participant(request), Given(forms.values(form))
    target = RedirectResponse(_target(invite), 303)
    if who.user is not None and not _is_another(session, invite, who.user, participant):
        invites.join(session, invite, user=who.user, participant=participant)
        return target
    counts.take(limits.NEWCOMERS, limits.network(address(request)))
    known = invites.returning(session, invite, participant)
    newcomer = Newcomer(given["display_name"], given["handle"], forms.secret(form, "password"), given["email"])
    try:
        with session.begin_nested():
            user = known or invites.come_in(session, invite, newcomer=newcomer, participant=participant)
    except (BadInput, Conflict) as error:
        faults = forms.faults(error, otherwise="display_name")
        return _page(
            request, session, invite, newcomer=True, given=given, errors=faults, status=error.status
        )  # fmt: skip
    if user.is_guest and participant is None:
        target = RedirectResponse(WELCOME, 303)
        token = links.make(session, user=user, purpose=LinkPurpose.PERSONAL, actor=user)
        shown = {"link": f"{settings.site_url}/back/{token}", "on": _target(invite)}
        sealed.show_once(request, target, WELCOME, shown)
    identity.sign_in(request, target, session, user)
    return target


def _is_another(session: Session, invite: Invite, user: User, participant: str | None) -> bool:
    """Whether the panel's id is not the one that `user`, signed in here, came with: two people at one browser."""
    use = invites.use_of(session, invite, user=user)
    return participant is not None and use is not None and use.participant != participant


def _participant(request: Request) -> str | None:
    """The outside id in the address, however the panel names it; none where it left its placeholder as it was."""
    for name in PARTICIPANT:
        value = request.query_params.get(name, "").strip()
        if value and not value.startswith(("{", "[", "$")):
            return value[:200]
    return None


def _target(invite: Invite) -> str:
    return f"/annotate/{invite.study_id}" if invite.study_id is not None else "/"


def _page(
    request: Request, session: Session, invite: Invite, *, newcomer: bool = False, returning: User | None = None,
    given: dict[str, str] | None = None, errors: dict[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    study = session.get(Study, invite.study_id) if invite.study_id is not None else None
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return render(
        request,
        "join/join.html",
        status=status,
        study=study,
        role=invite.role.value,
        wanted=invite.choices_wanted,
        newcomer=newcomer,
        returning=returning.display_name if returning else "",
        needs_account=invites.needs_account(session, invite),
        here=path,
        given=Given(given or {}),
        errors=Given(errors or {}),
    )
