"""Templates: always escaped, every string through gettext in the reader's language, undefined names an error."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.paths import TEMPLATES
from app.services.pictures import Picture
from app.web import languages, troubles, words
from app.web.identity import NOBODY, Viewer
from app.web.pictures import Size


def render(
    request: Request, name: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **view: Any
) -> HTMLResponse:
    """The template `name` with `view` and what every template gets: `user`, `csrf_token`, `path`, `language` (a
    `babel.Locale`), `static_url(path)` and `picture_url(picture, size="full")` (a `services.pictures.Picture`)."""
    language = languages.of(request)
    with languages.speaking(language):
        text = environment().get_template(name).render({**_common(request), "language": language, **view})
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
    env.filters.update(words.FILTERS | troubles.FILTERS)
    env.policies["ext.i18n.trimmed"] = True  # as babel.cfg extracts them
    env.install_gettext_callables(languages.gettext, languages.ngettext, newstyle=True)  # type: ignore[attr-defined]
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
