"""`/outside`: to the OpenID Connect provider and back.

Leaving is a GET: a form's redirect to another site would be stopped by the content policy. What comes back must fit the
sealed cookie that leaving set, so nobody can be signed in by an answer that someone else began.

The provider is asked before the request takes its turn and its connection: a provider that is slow holds up nobody
else. So what asks it is the first dependency of its route, and this router has none of its own (`app.main`).
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import Gone, NotFound, NotSignedIn
from app.services import invites, outside_identity
from app.services.outside_identity import OutsideIdentity
from app.settings import Settings
from app.web import identity, oidc, sealed
from app.web.deps import IdentityDep, SessionDep, SettingsDep
from app.web.identity import Identity
from app.web.oidc import Flow, Provider
from app.web.sign_in_form import START, local_path

router = APIRouter(prefix="/outside")

COOKIE = "tastemaker_outside"
PATH = "/outside"
SECONDS = 600
JOIN = "/join/"


def get_provider(request: Request, settings: SettingsDep) -> Provider:
    """The provider, its description at hand. Raises `NotFound` where none is set up, `Unavailable` where it is away."""
    if not settings.has_oidc:
        raise NotFound("No outside sign-in is set up here.", "Sign in with name and password.")
    provider: Provider = request.app.state.provider
    provider.metadata()
    return provider


ProviderDep = Annotated[Provider, Depends(get_provider)]


@dataclass(frozen=True)
class Back:
    """Who came back, and from which sign-in."""

    flow: Flow
    found: OutsideIdentity


def come_in(
    request: Request, provider: ProviderDep, settings: SettingsDep, code: str = "", state: str = "",
    iss: str | None = None,
) -> Back:  # fmt: skip
    kept = sealed.unseal(settings, COOKIE, request.cookies.get(COOKIE), seconds=SECONDS)
    if kept is None or not code:
        raise NotSignedIn(f"Signing in with {settings.oidc_label} was not finished.", "Try again.")
    flow = Flow(**kept)
    return Back(flow, oidc.finish(provider, flow, code=code, state=state, issuer=iss))


BackDep = Annotated[Back, Depends(come_in)]


@router.get("")
def leave(
    request: Request, provider: ProviderDep, settings: SettingsDep, who: IdentityDep, next: str = START,
    connect: bool = False,
) -> Response:  # fmt: skip
    """`connect` ties the identity to the account of whoever is signed in."""
    if connect and who.user is None:
        raise NotSignedIn("Sign in first, then connect the two.")
    user_id = who.user.id if connect and who.user else None
    address, flow = oidc.begin(provider, next_=local_path(next), connect=user_id)
    response = RedirectResponse(address, 303)
    sealed.set_sealed(request, response, COOKIE, flow.as_json(), seconds=SECONDS, path=PATH)
    return response


@router.get("/return")
def come_back(
    request: Request, back: BackDep, session: SessionDep, settings: SettingsDep, who: IdentityDep
) -> Response:  # fmt: skip
    flow, found = back.flow, back.found
    if flow.connect is not None:
        response = _connect(session, who, flow, found)
    else:
        response = RedirectResponse(flow.next, 303)
        user = outside_identity.sign_in(session, found, may_be_new=_may_be_new(session, settings, flow, found))
        identity.sign_in(request, response, session, user)
    sealed.forget(response, PATH, name=COOKIE)
    return response


def _connect(session: Session, who: Identity, flow: Flow, found: OutsideIdentity) -> Response:
    if who.user is None or who.user.id != flow.connect:
        raise NotSignedIn("You signed in as someone else meanwhile.", "Sign in again and connect the two anew.")
    outside_identity.connect(session, found, user=who.user)
    return RedirectResponse("/account?done=connected", 303)


def _may_be_new(session: Session, settings: Settings, flow: Flow, found: OutsideIdentity) -> bool:
    """Whether someone who is not known may come in: anyone may, their e-mail's domain may, or they hold an invite."""
    domains = {domain.strip().lower() for domain in settings.oidc_domains.split(",")} - {""}
    return settings.open_sign_up or found.domain in domains or _holds_invite(session, flow.next)


def _holds_invite(session: Session, path: str) -> bool:
    if not path.startswith(JOIN):
        return False
    token = path.removeprefix(JOIN).partition("?")[0]
    try:
        invites.require_open(session, invites.find(session, token))
    except (NotFound, Gone):
        return False
    return True
