"""`/admin/studies/{id}/labeling`: what annotators are asked and shown, changed at any time, with a preview."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from app.artifacts import Artifacts
from app.errors import BadInput, Conflict
from app.models import Study, User
from app.services import guide_pictures, guide_removal, studies
from app.study_settings import validated
from app.web import forms, settings_form
from app.web.deps import ArtifactsDep, RequireAdmin, SessionDep
from app.web.forms import Given, PostedForm
from app.web.ids import MOST_ID
from app.web.prose import prose
from app.web.templating import render

router = APIRouter(prefix="/admin/studies/{study_id:int}/labeling")

ONLY = ("labeling",)
TEXTS = ("guidelines", "consent")


@router.get("")
def show(request: Request, study_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    return _page(request, session, studies.get(session, study_id), {})


@router.post("")
def change(
    request: Request, study_id: int, session: SessionDep, user: RequireAdmin, artifacts: ArtifactsDep, form: PostedForm
) -> Response:
    """Save; or, by the button that was pressed, show the texts as people will read them, add a picture or remove one.

    Whatever happens, what was typed stays in the form.
    """
    study, posted = studies.get(session, study_id), forms.values(form)
    try:
        if "preview" in posted:
            return _page(request, session, study, posted, preview=True)
        if "upload" in posted:
            _upload(session, artifacts, study, form, user)
            return _page(request, session, study, posted)
        if "remove" in posted:
            _remove(session, artifacts, study, posted["remove"], user)
            return _page(request, session, study, posted)
        with session.begin_nested():
            _save(session, study, posted, user)
    except (BadInput, Conflict) as error:
        faults = forms.faults(error, otherwise="remove")
        return _page(request, session, study, posted, errors=faults, status=error.status)
    return RedirectResponse(f"/admin/studies/{study_id}/labeling?saved=true", 303)


def _save(session: Session, study: Study, posted: Mapping[str, str], user: User) -> None:
    changed = settings_form.changes(posted, validated(study.settings), only=ONLY, filled=True)
    if changed:
        studies.change_labeling(session, study_id=study.id, labeling=changed["labeling"], actor=user)


def _upload(session: Session, artifacts: Artifacts, study: Study, form: FormData, user: User) -> None:
    upload = form.get("picture")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise BadInput("No picture was chosen.", fields={"picture": "choose a file first"})
    data = upload.file.read(guide_pictures.MOST_BYTES + 1)
    guide_pictures.add(session, artifacts, study=study, data=data, actor=user)


def _remove(session: Session, artifacts: Artifacts, study: Study, number: str, user: User) -> None:
    picture_id = forms.whole_number(number, field="remove", low=1, high=MOST_ID) or 0
    guide_removal.remove(session, artifacts, study_id=study.id, picture_id=picture_id, actor=user)


def _page(
    request: Request, session: Session, study: Study, posted: Mapping[str, str], *, preview: bool = False,
    errors: Mapping[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    base, faults = validated(study.settings), errors or {}
    (block,) = settings_form.blocks(base, only=ONLY, posted=posted, errors=faults, filled=True)
    texts = {field.name.partition(".")[2]: field.value for field in block.fields}
    shown = {name: prose(request, session, study_id=study.id, text=texts[name]) for name in TEXTS} if preview else {}
    return render(
        request,
        "labeling/labeling.html",
        status=status,
        study_id=study.id,
        name=study.name,
        block=block,
        preview=shown,
        pictures=[
            (picture.id, guide_pictures.address(picture)) for picture in guide_pictures.of_study(session, study.id)
        ],
        errors=Given(faults),
        saved="saved" in request.query_params,
    )
