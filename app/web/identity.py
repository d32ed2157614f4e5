"""Who asks: the session's cookie, a bearer token, or the person at the machine."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request, Response
from sqlalchemy.orm import Session

from app.models import User
from app.services import accounts, personal_tokens, user_preferences
from app.services.permissions import Right, may
from app.services.scopes import Scope
from app.settings import Settings
from app.web.browser_names import browser_name
from app.web.local_admin import at_this_machine

COOKIE = "tastemaker_session"
API = "/api/"


class How(StrEnum):
    COOKIE = "cookie"
    BEARER = "bearer"
    MACHINE = "machine"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Viewer:
    """The signed-in user as templates see one: no row, so that it is readable after a rollback too."""

    id: int
    name: str
    role: str
    is_guest: bool
    language: str
    may_annotate: bool
    may_research: bool
    may_run_studies: bool
    may_manage_users: bool
    at_this_machine: bool


@dataclass(frozen=True)
class Identity:
    """The caller of one request. `token` is the session's, None without one; `scopes` are a bearer token's."""

    user: User | None
    how: How
    token: str | None = None
    viewer: Viewer | None = None
    scopes: frozenset[Scope] = frozenset()

    def csrf_token(self, settings: Settings) -> str:
        """The token that this caller's forms carry: bound to the session, or to the kind of caller without one."""
        subject = self.token or self.how.value
        return hmac.new(settings.secret().encode(), b"csrf:" + subject.encode(), hashlib.sha256).hexdigest()


NOBODY = Identity(None, How.NOBODY)


def identify(request: Request, session: Session, settings: Settings) -> Identity:
    """Who sent `request`. A bearer token that is unknown is nobody, never the cookie's user. One that is known counts
    under /api alone, where every operation names its scope (`deps.get_current_user`): pages name none."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _of_bearer(session, bearer.strip()) if request.url.path.startswith(API) else NOBODY
    cookie = request.cookies.get(COOKIE)
    if cookie and (user := accounts.signed_in(session, cookie)):
        return _identity(user, How.COOKIE, cookie)
    if at_this_machine(request, settings):
        return _identity(accounts.local_admin(session), How.MACHINE, None)
    return NOBODY


def _of_bearer(session: Session, token: str) -> Identity:
    found = personal_tokens.owner(session, token)
    return _identity(found[0], How.BEARER, None, scopes=found[1]) if found else NOBODY


def _identity(user: User, how: How, token: str | None, *, scopes: frozenset[Scope] = frozenset()) -> Identity:
    viewer = Viewer(
        id=user.id,
        name=user.display_name,
        role=user.role.value,
        is_guest=user.is_guest,
        language=user_preferences.of(user).language,
        may_annotate=may(user, Right.ANNOTATE),
        may_research=may(user, Right.RESEARCH),
        may_run_studies=may(user, Right.RUN_STUDIES),
        may_manage_users=may(user, Right.MANAGE_USERS),
        at_this_machine=how is How.MACHINE,
    )
    return Identity(user, how, token, viewer, scopes)


def sign_in(request: Request, response: Response, session: Session, user: User) -> None:
    """Sign `user` in, in this browser: a new session, whatever cookie came with the request; the one before ends."""
    before = request.cookies.get(COOKIE)
    if before:
        accounts.sign_out(session, before)
    token = accounts.open_session(session, user=user, agent=browser_name(request.headers.get("user-agent", "")))
    set_cookie(request, response, token)
    # what is rendered with this answer is already the new person's
    request.state.identity = _identity(user, How.COOKIE, token)


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Give the browser its session; over https the cookie never travels in the clear."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(accounts.SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=_is_https(request),
    )


def drop_cookie(request: Request, response: Response) -> None:
    """Make the browser forget its session."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=_is_https(request))


def _is_https(request: Request) -> bool:
    settings: Settings = request.app.state.settings
    return request.url.scheme == "https" or settings.site_url.startswith("https:")
