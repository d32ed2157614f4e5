"""Values that travel in a cookie which the browser cannot read or change: what is shown once, what a sign-in awaits."""

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from fastapi import Request, Response

from app.settings import Settings

ONCE = "tastemaker_once"
ONCE_SECONDS = 300


def seal(settings: Settings, name: str, value: Any) -> str:
    """`value` (JSON), encrypted and signed for the cookie `name` alone."""
    return _cipher(settings, name).encrypt(json.dumps(value).encode()).decode()


def unseal(settings: Settings, name: str, text: str | None, *, seconds: int) -> Any:
    """What was sealed at most so many seconds ago; None where it is too old or was not made here."""
    try:
        return json.loads(_cipher(settings, name).decrypt(text or "", ttl=seconds))
    except InvalidToken:
        return None


def set_sealed(request: Request, response: Response, name: str, value: Any, *, seconds: int, path: str) -> None:
    """Set the cookie `name` to the sealed `value`, for addresses under `path`."""
    settings: Settings = request.app.state.settings
    response.set_cookie(
        name,
        seal(settings, name, value),
        max_age=seconds,
        path=path,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https" or settings.site_url.startswith("https:"),
    )


def show_once(request: Request, response: Response, path: str, value: dict[str, Any]) -> None:
    """Hand `value` to the page at `path`, to which `response` leads: it is shown there once, and a reload is bare."""
    set_sealed(request, response, ONCE, value, seconds=ONCE_SECONDS, path=path)


def shown_once(request: Request) -> dict[str, Any]:
    """What was handed to this page; empty where there is nothing. `forget` it with the answer."""
    value = unseal(request.app.state.settings, ONCE, request.cookies.get(ONCE), seconds=ONCE_SECONDS)
    return value if isinstance(value, dict) else {}


def forget(response: Response, path: str, *, name: str = ONCE) -> None:
    """Drop the cookie."""
    response.delete_cookie(name, path=path, httponly=True, samesite="lax")


def _cipher(settings: Settings, name: str) -> Fernet:
    key = hashlib.sha256(f"cookie:{name}:{settings.secret()}".encode()).digest()
    return Fernet(urlsafe_b64encode(key))
