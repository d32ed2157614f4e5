"""The sign-in form, wherever it stands: on its page, on the start page, and in place of a page that needs someone."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response

from app.settings import Settings
from app.web.templating import render

START = "/"


def view(request: Request, *, next_: str = START, name: str = "", error: str = "") -> dict[str, Any]:
    """What `sign_in/_form.html` needs."""
    settings: Settings = request.app.state.settings
    return {
        "sign_in": {
            "next": local_path(next_),
            "name": name,
            "error": error,
            "open_sign_up": settings.open_sign_up,
            "outside": settings.oidc_label if settings.has_oidc else "",
        }
    }


def page(
    request: Request, *, status: int = 200, next_: str = START, name: str = "", error: str = "", notice: str = ""
) -> Response:
    """The page with the form; `notice` says why it stands there."""
    given = view(request, next_=next_, name=name, error=error)
    return render(request, "sign_in/sign_in.html", status=status, notice_text=notice, **given)


def here(request: Request) -> str:
    """Where to go on after signing in: the page that was asked for, if asking again does no harm."""
    if request.method != "GET":
        return START
    return local_path(request.url.path + (f"?{request.url.query}" if request.url.query else ""))


def local_path(text: str) -> str:
    """`text` if it is a path of this site, else the start page: nobody is sent elsewhere by a link that begins here."""
    parts = urlsplit(text) if text.startswith("/") and text.isprintable() and "\\" not in text else None
    is_ours = parts is not None and not parts.scheme and not parts.netloc and not text.startswith("//")
    return text if is_ours else START
