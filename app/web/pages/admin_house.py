"""`/admin/house`: workers, queues, failed jobs and disk as they are now; files and their clean-up; the system check."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.errors import NotFound
from app.services import clean_up, disk, house, job_moves, retention, system_check
from app.web import forms
from app.web.deps import ArtifactsDep, RequireAdmin, SessionDep, SettingsDep
from app.web.forms import PostedForm
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


@router.get("/files")
def files(request: Request, session: SessionDep, user: RequireAdmin, artifacts: ArtifactsDep) -> Response:
    """What is kept, what a clean-up would free, and the button for one."""
    return render(
        request,
        "house/files.html",
        freed=retention.would_free(session),
        standing=clean_up.standing(session),
        rounds_kept=retention.ROUNDS_KEPT,
        disk=disk.overview(session, artifacts),
    )


@router.post("/files")
def clean(session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Ask for a clean-up."""
    keep = forms.whole_number(forms.values(form).get("keep", ""), field="keep", low=0, high=retention.ROUNDS_KEPT)
    clean_up.ask(session, keep=retention.ROUNDS_KEPT if keep is None else keep, actor=user)
    return RedirectResponse(f"{PATH}/files", 303)


@router.get("/check")
def check(
    request: Request, session: SessionDep, user: RequireAdmin, artifacts: ArtifactsDep, settings: SettingsDep
) -> Response:
    """What `tastemaker doctor` looks at, as far as it can be seen from inside the site."""
    return render(request, "house/check.html", checks=system_check.of_site(session, settings, artifacts))


def _part(request: Request, session: Session, artifacts: Artifacts, name: str) -> Response:
    part = PARTS.get(name)
    if part is None:
        raise NotFound(f"The house has no part {name!r}.")
    return render(request, part.template, **{name: part.facts(session, artifacts)})


def _page(request: Request, session: Session, artifacts: Artifacts) -> Response:
    view = {part.name: part.facts(session, artifacts) for part in PARTS.values()}
    return render(request, "house/house.html", **view)
