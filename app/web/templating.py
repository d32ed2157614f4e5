"""Templates: always escaped, every string through gettext, undefined names an error."""

from collections.abc import Mapping
from functools import cache, partial
from gettext import NullTranslations
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.paths import TEMPLATES
from app.services.pictures import Picture
from app.web import words
from app.web.identity import NOBODY, Viewer
from app.web.pictures import Size


def render(
    request: Request, name: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **view: Any
) -> HTMLResponse:
    """The template `name` with `view` and what every template gets: `user`, `csrf_token`, `path`, `static_url(path)`
    and `picture_url(picture, size="full")` (a `services.pictures.Picture`)."""
    text = environment().get_template(name).render({**_common(request), **view})
    return HTMLResponse(text, status, headers)


@cache
def environment() -> Environment:
    """The process's templates."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.filters.update(words.FILTERS)
    env.install_gettext_translations(NullTranslations(), newstyle=True)  # type: ignore[attr-defined]
    return env


def _common(request: Request) -> dict[str, Any]:
    identity = getattr(request.state, "identity", NOBODY)
    state = request.app.state
    return {
        "user": identity.viewer,
        "csrf_token": identity.csrf_token(state.settings),
        "path": request.url.path,
        "static_url": state.static.url,
        "picture_url": partial(_picture_url, request, identity.viewer),
    }


def _picture_url(request: Request, viewer: Viewer | None, picture: Picture, size: Size = "full") -> str:
    url: str = request.app.state.picture_links.url(picture, viewer_id=viewer.id if viewer else 0, size=size)
    return url
