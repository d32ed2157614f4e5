"""No other site may act in a signed-in person's name: every unsafe request is checked twice.

First by what the browser says of where it comes from (Sec-Fetch-Site, else Origin), then by a token that only our own
pages know: in a form's field `csrf_token`, or in the header `X-CSRF-Token`. A bearer token is never sent by a browser
on its own, so such requests need neither. Where nobody is signed in, or no longer, everyone's token is the same and no
secret: a page whose session has ended may sign in anew with the header it has, which no other site's page can send.
"""

import hmac
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import FormData

from app.errors import Forbidden
from app.settings import Settings
from app.web.api.scoped import OPEN
from app.web.deps import IdentityDep, SettingsDep
from app.web.identity import How

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FIELD = "csrf_token"
HEADER = "x-csrf-token"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def check(request: Request, identity: IdentityDep, settings: SettingsDep) -> None:
    """Raises `Forbidden` on an unsafe request that another site could have made. Every router has this dependency."""
    if request.method in SAFE_METHODS or identity.how is How.BEARER:
        return
    if identity.how is How.NOBODY and _is_guarded(request):
        return  # the operation itself says that somebody has to sign in
    if not comes_from_us(request, settings):
        raise Forbidden("This request came from another site.", "Open the page on this site and try again.")
    if identity.how is How.NOBODY and HEADER in request.headers:
        return
    if not hmac.compare_digest((await _offered(request)).encode(), identity.csrf_token(settings).encode()):
        raise Forbidden("This page is from before you signed in or out.", "Reload it and try again.", reload=True)


def _is_guarded(request: Request) -> bool:
    """Whether this is an operation of the API that somebody has to be signed in for: nobody can do anything there."""
    operation = getattr(request.scope.get("route"), "operation_id", None)
    return operation is not None and operation not in OPEN


def comes_from_us(request: Request, settings: Settings) -> bool:
    """By the browser's own word; a program that says nothing of it is left to the token."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc in {
        request.headers.get("host"),
        urlsplit(settings.site_url).netloc,
    }


async def _offered(request: Request) -> str:
    """The token of the header, else of the form; starlette keeps a form that was read, so the route reads it again."""
    if (token := request.headers.get(HEADER)) is not None:
        return token
    if not request.headers.get("content-type", "").startswith(FORMS):
        return ""
    form: FormData = await request.form()
    value = form.get(FIELD)
    return value if isinstance(value, str) else ""
