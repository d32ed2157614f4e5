"""The machine's own sign-in: when the person who asks sits at the machine that the site runs on."""

from starlette.requests import Request

from app.loopback import is_loopback
from app.settings import Settings

AT_HOME = {"none", "same-origin"}


def at_this_machine(request: Request, settings: Settings) -> bool:
    """Whether every condition holds: switched on, bound to loopback, our own host and port asked for, no proxy between,
    and a browser that says that no other site sent it here."""
    return (
        settings.local_admin
        and _bound_to_loopback(request, settings)
        and _asks_for_us(request)
        and not any(name == "forwarded" or name.startswith("x-forwarded-") for name in request.headers)
        and request.headers.get("sec-fetch-site") in AT_HOME
    )


def _bound_to_loopback(request: Request, settings: Settings) -> bool:
    """By the setting, and by the socket that this very request came in on."""
    server = request.scope.get("server")
    return is_loopback(settings.host) and server is not None and is_loopback(server[0])


def _asks_for_us(request: Request) -> bool:
    """A page of another name that resolves to this machine (DNS rebinding) asks for its own name and is refused."""
    host, _, port = request.headers.get("host", "").rpartition(":")
    if not port.isdecimal():
        host, port = request.headers.get("host", ""), "80"
    return is_loopback(host.strip("[]")) and int(port) == request.scope["server"][1]
