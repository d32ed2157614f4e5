"""`/admin/house`: workers, queues, failed jobs and disk as they are now."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.errors import NotFound
from app.services import house, job_moves
from app.web.deps import ArtifactsDep, RequireAdmin, SessionDep
from app.web.house_parts import PARTS
from app.web.htmx import is_htmx
from app.web.templating import render

router = APIRouter(prefix="/admin/house")

PATH = "/admin/house"
PAGE = 50


@router.get("")
def show(
    request: Request, session: SessionDep, user: RequireAdmin, artifacts: ArtifactsDep, part: str = ""
) -> Response:
    """The page; for htmx, the named part of it alone."""
    wanted = part and is_htmx(request)
    response = _part(request, session, artifacts, part) if wanted else _page(request, session, artifacts)
    response.headers["Vary"] = "HX-Request"
    return response


@router.get("/failed")
def failed(
    request: Request, session: SessionDep, user: RequireAdmin, before: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """All jobs that failed for good, newest first."""
    found = house.failed(session, before=before, limit=PAGE + 1)
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return render(request, "house/failed.html", failed=found[:PAGE], more=more)


@router.post("/jobs/{job_id}/retry")
def retry(job_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    job_moves.retry(session, job_id=job_id, actor=user)
    return RedirectResponse(PATH, 303)


def _part(request: Request, session: Session, artifacts: Artifacts, name: str) -> Response:
    part = PARTS.get(name)
    if part is None:
        raise NotFound(f"The house has no part {name!r}.")
    return render(request, part.template, **{name: part.facts(session, artifacts)})


def _page(request: Request, session: Session, artifacts: Artifacts) -> Response:
    view = {part.name: part.facts(session, artifacts) for part in PARTS.values()}
    return render(request, "house/house.html", **view)
