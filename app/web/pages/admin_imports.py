"""`/admin/imports`: preference data made elsewhere, uploaded or lying in the data folder, read by a worker."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from app.artifacts import Artifacts
from app.errors import BadInput
from app.models.base import Json
from app.services import base_models, import_formats, imports, round_views
from app.settings import Settings
from app.web import forms, import_files
from app.web.deps import ArtifactsDep, RequireAdmin, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm
from app.web.htmx import is_htmx
from app.web.ids import MOST_ID
from app.web.templating import render

router = APIRouter(prefix="/admin/imports")

PATH = "/admin/imports"
PAGE = 20


@router.get("")
def index(
    request: Request, session: SessionDep, settings: SettingsDep, user: RequireAdmin,
    before: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
) -> Response:  # fmt: skip
    """What was imported and what can be; for htmx, which asks while any is at work, the list alone."""
    response = _page(request, session, settings, before=before)
    response.headers["Vary"] = "HX-Request"
    return response


@router.post("")
def ask(
    request: Request, session: SessionDep, settings: SettingsDep, artifacts: ArtifactsDep, user: RequireAdmin,
    form: PostedForm,
) -> Response:  # fmt: skip
    """Ask for an import; where the form cannot be used, the page again with each fault beside its field."""
    posted = forms.values(form)
    try:
        with _located(posted, form, settings, artifacts) as (format_name, source), session.begin_nested():
            imports.ask(
                session, format_name=format_name, name=posted.get("name", ""), question=posted.get("question", ""),
                base_model_id=forms.whole_number(posted.get("model", ""), field="model", low=1, high=MOST_ID),
                source={**source, "leave_out_bad": "leave_out_bad" in posted}, actor=user,
            )  # fmt: skip
    except BadInput as error:
        told = error.fields or {"files": str(error)}
        return _page(request, session, settings, given=posted, errors=told, status=error.status)
    return RedirectResponse(PATH, 303)


@router.post("/{import_id:int}/stop")
def stop(import_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    imports.stop(session, import_id=import_id, actor=user)
    return RedirectResponse(PATH, 303)


@router.post("/{import_id:int}/again")
def again(import_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    imports.again(session, import_id=import_id, actor=user)
    return RedirectResponse(PATH, 303)


@router.post("/{import_id:int}/end")
def end(import_id: int, session: SessionDep, artifacts: ArtifactsDep, user: RequireAdmin) -> Response:
    imports.end_here(session, artifacts, import_id=import_id, actor=user)
    return RedirectResponse(PATH, 303)


@router.post("/{import_id:int}/remove")
def remove(import_id: int, session: SessionDep, artifacts: ArtifactsDep, user: RequireAdmin) -> Response:
    imports.remove(session, artifacts, import_id=import_id, actor=user)
    return RedirectResponse(PATH, 303)


@contextmanager
def _located(
    posted: Mapping[str, str], form: FormData, settings: Settings, artifacts: Artifacts
) -> Iterator[tuple[str, Json]]:
    """The format, and where the files lie; uploaded ones are stored as long as the block does not fail. Raises
    `BadInput`."""
    uploads = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    if uploads:
        with import_files.stored(uploads, artifacts) as found:
            yield found
    else:
        yield import_files.in_folder(settings.data_dir, posted.get("place", ""))


def _page(
    request: Request, session: Session, settings: Settings, *, before: int | None = None,
    given: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    found = imports.lines(session, before=before, limit=PAGE + 1)
    shown: dict[str, Any] = {
        "lines": found[:PAGE],
        "before": before,
        "older": found[PAGE - 1].id if len(found) > PAGE else None,
        "at_work": any(line.is_at_work for line in found[:PAGE]),
        "workers": round_views.workers(session),
    }
    if is_htmx(request):
        return render(request, "imports/_list.html", **shown)
    return render(
        request,
        "imports/imports.html",
        status=status,
        places=import_formats.listed(settings.data_dir),
        folder=settings.data_dir / import_formats.FOLDER,
        models=base_models.every(session),
        given=Given(given or {}),
        errors=Given(errors or {}),
        **shown,
    )
