"""One route answers page and fragment: the fragment where htmx asked for it, the whole page otherwise."""

from typing import Any

from fastapi import Request, Response

from app.web.templating import render


def is_htmx(request: Request) -> bool:
    """Whether htmx asked. Restoring history asks for the whole page, although htmx sends it."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"


def render_live(request: Request, page: str, fragment: str, /, **view: Any) -> Response:
    """`fragment` (a template `_name.html` that `page` includes) for htmx, `page` for everyone else."""
    response = render(request, fragment if is_htmx(request) else page, **view)
    response.headers["Vary"] = "HX-Request"
    return response
