"""Who asks: the session's cookie, a bearer token, or the person at the machine."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request, Response
from sqlalchemy.orm import Session

from app.models import User
from app.services import accounts
from app.settings import Settings
from app.web.local_admin import at_this_machine

COOKIE = "tastemaker_session"


class How(StrEnum):
    COOKIE = "cookie"
    BEARER = "bearer"
    MACHINE = "machine"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Identity:
    """The caller of one request. `token` is the session's own, None without a session."""

    user: User | None
    how: How
    token: str | None = None

    def csrf_token(self, settings: Settings) -> str:
        """The token that this caller's forms carry: bound to the session, or to the kind of caller without one."""
        subject = self.token or self.how.value
        return hmac.new(settings.secret().encode(), b"csrf:" + subject.encode(), hashlib.sha256).hexdigest()


def identify(request: Request, session: Session, settings: Settings) -> Identity:
    """Who sent `request`. A bearer token that is unknown is nobody, never the cookie's user."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        user = accounts.signed_in(session, bearer.strip())
        return Identity(user, How.BEARER, bearer.strip()) if user else Identity(None, How.NOBODY)
    token = request.cookies.get(COOKIE)
    if token and (user := accounts.signed_in(session, token)):
        return Identity(user, How.COOKIE, token)
    if at_this_machine(request, settings):
        return Identity(accounts.local_admin(session), How.MACHINE)
    return Identity(None, How.NOBODY)


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
