"""Templates: always escaped, every string through gettext, undefined names an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from gettext import NullTranslations
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.models import User
from app.paths import TEMPLATES
from app.services.permissions import Right, may
from app.services.pictures import Picture
from app.web import words
from app.web.identity import How, Identity
from app.web.pictures import Size


@dataclass(frozen=True)
class Viewer:
    """The signed-in user, as templates see one."""

    id: int
    name: str
    role: str
    may_annotate: bool
    may_research: bool
    may_run_studies: bool
    at_this_machine: bool


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
    identity = getattr(request.state, "identity", Identity(None, How.NOBODY))
    state = request.app.state
    return {
        "user": _viewer(identity),
        "csrf_token": identity.csrf_token(state.settings),
        "path": request.url.path,
        "static_url": state.static.url,
        "picture_url": partial(_picture_url, request, identity.user),
    }


def _viewer(identity: Identity) -> Viewer | None:
    user = identity.user
    if user is None:
        return None
    return Viewer(
        id=user.id,
        name=user.display_name,
        role=user.role.value,
        may_annotate=may(user, Right.ANNOTATE),
        may_research=may(user, Right.RESEARCH),
        may_run_studies=may(user, Right.RUN_STUDIES),
        at_this_machine=identity.how is How.MACHINE,
    )


def _picture_url(request: Request, user: User | None, picture: Picture, size: Size = "full") -> str:
    url: str = request.app.state.picture_links.url(picture, viewer_id=user.id if user else 0, size=size)
    return url
