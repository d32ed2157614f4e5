"""`/admin/studies/{id}/settings`: what may change on a study that exists, its settings as a file, and the archive."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict
from app.models import Study, User
from app.services import base_models, estimates, studies, study_files
from app.study_settings import merged, validated
from app.web import forms, settings_form
from app.web.deps import RequireAdmin, SessionDep
from app.web.downloads import as_attachment, plain_name
from app.web.forms import Given, PostedForm
from app.web.study_form import Checked
from app.web.templating import render

router = APIRouter(prefix="/admin/studies/{study_id:int}")

ONLY = ("sampling", "training", "watching")


@router.get("/settings")
def show(request: Request, study_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    return _page(request, session, studies.get(session, study_id), {})


@router.post("/settings")
def change(request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Save; where anything cannot be used, the form again with each fault beside its field, input kept."""
    study, posted = studies.get(session, study_id), forms.values(form)
    try:
        with session.begin_nested():
            _save(session, study, posted, user)
    except BadInput as error:
        return _page(request, session, study, posted, errors=error.fields, status=error.status)
    return RedirectResponse(f"/admin/studies/{study_id}/settings?saved=true", 303)


@router.post("/settings/check")
def check(request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """What is wrong with the form as it is being filled, and what a round would take. Nothing is changed."""
    study, posted = studies.get(session, study_id), forms.values(form)
    found = _checked(session, study, posted)
    base = validated(study.settings)
    blocks = settings_form.blocks(base, only=ONLY, posted=posted, errors=found.errors, filled=True)
    return render(request, "studies/_checked.html", blocks=blocks, faults=found.faults, estimate=found.estimate)


@router.get("/file")
def download(study_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    """The study as the TOML file that `tastemaker study create --file` and the form of a new study read."""
    draft = study_files.of_study(session, study_id)
    headers = as_attachment(f"{plain_name(draft.name)}.toml") | {"Cache-Control": "no-store"}
    return PlainTextResponse(study_files.write(draft), media_type="application/toml", headers=headers)


@router.post("/archive")
def archive(request: Request, study_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    try:
        studies.archive(session, study_id=study_id, actor=user)
    except Conflict as error:
        return _page(request, session, studies.get(session, study_id), {}, refused=error)
    return RedirectResponse(f"/admin/studies/{study_id}/settings", 303)


@router.post("/unarchive")
def unarchive(study_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    studies.unarchive(session, study_id=study_id, actor=user)
    return RedirectResponse(f"/admin/studies/{study_id}/settings", 303)


@dataclass(frozen=True)
class _Words:
    name: str
    question: str


def _words(study: Study, posted: Mapping[str, str]) -> _Words:
    return _Words(posted.get("name", study.name), posted.get("question", study.question))


def _save(session: Session, study: Study, posted: Mapping[str, str], user: User) -> None:
    words = _words(study, posted)
    changed = settings_form.changes(posted, validated(study.settings), only=ONLY, filled=True)
    studies.change(
        session, study_id=study.id, name=words.name, question=words.question, settings=changed, actor=user
    )  # fmt: skip


def _checked(session: Session, study: Study, posted: Mapping[str, str]) -> Checked:
    base = validated(study.settings)
    try:
        settings = merged(base, settings_form.changes(posted, base, only=ONLY, filled=True))
    except BadInput as error:
        return Checked(error.fields, None, None)
    found = estimates.of_round(
        session, settings, model=base_models.get(session, study.base_model_id),
        evaluation_prompts=estimates.evaluation_prompts(session, study.prompt_set_id),
    )  # fmt: skip
    return Checked({}, settings, found)


def _page(
    request: Request, session: Session, study: Study, posted: Mapping[str, str], *,
    errors: Mapping[str, str] | None = None, refused: Conflict | None = None, status: int = 200,
) -> Response:  # fmt: skip
    fixed = {f"sampling.{field}" for field in studies.fixed_sampling(session, study.id)}
    found = _checked(session, study, posted)
    faults = {**found.errors, **(errors or {})}
    return render(
        request,
        "studies/settings.html",
        status=refused.status if refused else status,
        study=study,
        words=_words(study, posted),
        blocks=settings_form.blocks(
            validated(study.settings), only=ONLY, posted=posted, errors=faults, filled=True, fixed=fixed
        ),
        errors=Given(errors or {}),
        faults=Checked(faults, None, None).faults,
        estimate=found.estimate,
        refused=refused,
        saved="saved" in request.query_params,
    )
