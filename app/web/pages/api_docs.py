"""`/docs/api`: the API for people to read, written from its own description; for everyone, like the description."""

from functools import lru_cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from app.errors import NotFound
from app.services.scopes import ALLOWS
from app.web import api_reference
from app.web.api_reference import Group
from app.web.templating import render

router = APIRouter(prefix="/docs/api")


@router.get("")
def overview(request: Request) -> Response:
    """What holds for all operations, and their list."""
    document: dict[str, Any] = request.app.openapi()
    about = api_reference.prose(document["info"]["description"])
    return render(
        request, "api/overview.html", groups=_groups(request.app), about=about, allows=ALLOWS,
        problem=document["components"]["responses"]["Problem422"]["content"]["application/problem+json"]["example"],
    )  # fmt: skip


@router.get("/{slug}")
def group(request: Request, slug: str) -> Response:
    """One group with everything about its operations."""
    groups = _groups(request.app)
    found = next((one for one in groups if one.slug == slug), None)
    if found is None:
        raise NotFound(f"The API has no part called {slug}.", "See the overview at /docs/api.")
    return render(request, "api/group.html", groups=groups, group=found)


@lru_cache(maxsize=4)
def _groups(app: FastAPI) -> tuple[Group, ...]:
    return tuple(api_reference.groups(app.openapi()))
