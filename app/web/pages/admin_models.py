"""`/admin/models`: base models, registered by folder or hub id and checked by a worker."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.services import base_models, job_moves, model_checks, round_views
from app.web import forms
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import Given, PostedForm
from app.web.htmx import is_htmx
from app.web.templating import render

router = APIRouter(prefix="/admin/models")

PATH = "/admin/models"


@router.get("")
def index(request: Request, session: SessionDep, user: RequireAdmin) -> Response:
    """The page; for htmx, which asks while a check is at work, the list alone."""
    response = _page(request, session)
    response.headers["Vary"] = "HX-Request"
    return response


@router.post("")
def register(request: Request, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Ask for a check; where the form cannot be used, the page again with each fault beside its field."""
    posted = forms.values(form)
    try:
        with session.begin_nested():
            model_checks.ask(
                session, source=posted.get("source", ""), revision=posted.get("revision"), name=posted.get("name"),
                actor=user,
            )  # fmt: skip
    except BadInput as error:
        return _page(request, session, given=posted, errors=error.fields, status=error.status)
    return RedirectResponse(PATH, 303)


@router.post("/{model_id:int}/check")
def check_again(model_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    """Measure a base model that is registered already."""
    model = base_models.get(session, model_id)
    model_checks.ask(session, source=model.source, revision=model.revision, name=model.name, actor=user)
    return RedirectResponse(PATH, 303)


@router.post("/checks/{check_id}/retry")
def retry(check_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    """Check a refused one again."""
    job_moves.retry(session, job_id=model_checks.get(session, check_id).job_id or 0, actor=user)
    return RedirectResponse(PATH, 303)


@router.post("/checks/{check_id}/forget")
def forget(check_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    """Take a refused one off the list."""
    model_checks.forget(session, check_id=check_id, actor=user)
    return RedirectResponse(PATH, 303)


def _page(
    request: Request, session: Session, *, given: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    return render(
        request,
        "models/_list.html" if is_htmx(request) else "models/models.html",
        status=status,
        registry=model_checks.registry(session),
        workers=round_views.workers(session),
        given=Given(given or {}),
        errors=Given(errors or {}),
    )
