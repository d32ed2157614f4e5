"""`/admin/imports`: preference data made elsewhere, uploaded or lying in the data folder, read by a worker."""

import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
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
from app.web import forms
from app.web.deps import ArtifactsDep, RequireAdmin, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm
from app.web.htmx import is_htmx
from app.web.ids import MOST_ID
from app.web.templating import render

router = APIRouter(prefix="/admin/imports")

PATH = "/admin/imports"
PAGE = 20
MOST_BYTES = 2 << 30
MOST_FILES = 20
UNUSUAL = re.compile(r"[^\w.-]")


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
    source: Json = {}
    try:
        format_name, source = _source(posted, form, settings, artifacts)
        source["leave_out_bad"] = "leave_out_bad" in posted
        with session.begin_nested():
            imports.ask(
                session, format_name=format_name, name=posted.get("name", ""), question=posted.get("question", ""),
                base_model_id=forms.whole_number(posted.get("model", ""), field="model", low=1, high=MOST_ID),
                source=source, actor=user,
            )  # fmt: skip
    except BadInput as error:
        for file in source.get("uploaded", []):
            artifacts.delete(file["key"])
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


def _source(
    posted: Mapping[str, str], form: FormData, settings: Settings, artifacts: Artifacts
) -> tuple[str, Json]:  # fmt: skip
    """The format, and where the files lie. Uploaded ones are stored by it. Raises `BadInput`."""
    uploads = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    chosen = posted.get("place", "")
    if uploads:
        return import_formats.PICK_A_PIC, {"uploaded": _stored(uploads, artifacts)}
    found = next((one for one in import_formats.listed(settings.data_dir) if one.name == chosen), None)
    if found is None:
        why = f"There is no {chosen!r} any more." if chosen else "Nothing was chosen."
        why += " Upload files, or choose what lies in the data folder."
        raise BadInput(why, fields={"files": why})
    return found.format, {"name": found.name}


def _stored(uploads: list[UploadFile], artifacts: Artifacts) -> list[Json]:
    """The uploaded files as stored ones. Raises `BadInput` where they are too many, too large or no Parquet."""
    if len(uploads) > MOST_FILES or sum(one.size or 0 for one in uploads) > MOST_BYTES:
        why = f"Up to {MOST_FILES} files of 2 GB together can be uploaded; put larger ones into the data folder."
        raise BadInput(why, fields={"files": why})
    wrong = next((str(one.filename) for one in uploads if not str(one.filename).endswith(".parquet")), None)
    if wrong is not None:
        why = f"{wrong} is no Parquet file by its name. A folder of the paper's code is put into the data folder."
        raise BadInput(why, fields={"files": why})
    folder = f"imports/{secrets.token_hex(16)}"
    return [_store(one, f"{folder}/{number}", number, artifacts) for number, one in enumerate(uploads)]


def _store(upload: UploadFile, key: str, number: int, artifacts: Artifacts) -> Json:
    with NamedTemporaryFile(prefix="tastemaker-upload-") as file:
        shutil.copyfileobj(upload.file, file)
        file.flush()
        artifacts.put_file(key, Path(file.name))
    name = UNUSUAL.sub("_", Path(str(upload.filename)).name)[-100:]
    return {"name": f"{number}-{name}" if number else name, "key": key}


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
