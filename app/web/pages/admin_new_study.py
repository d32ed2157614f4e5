"""`/admin/studies/new`: a study on one's own model and prompts, or on the demo's."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from app.errors import BadInput
from app.models import Study, User
from app.paths import DEMO
from app.services import (
    base_models,
    prompt_drafts,
    prompt_sets,
    prompt_views,
    studies,
    study_copies,
    study_files,
)
from app.services.study_files import StudyDraft
from app.study_settings import load_preset, preset_names
from app.web import forms, prompt_form, settings_form, study_form
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import Given, PostedForm, beside
from app.web.htmx import is_htmx
from app.web.languages import gettext as _
from app.web.study_form import DEFAULT_PRESET, OTHER, SETTING_NAMES, checked, model_to_use, preset_of
from app.web.templating import render

router = APIRouter(prefix="/admin/studies")

MOST_BYTES = 4 << 20


@router.get("/new")
def new(request: Request, session: SessionDep, user: RequireAdmin) -> Response:
    """The empty form, or one filled from the address: `?from=demo` takes the demo's model and prompts, `?like=7` a
    study's."""
    asked = dict(request.query_params)
    given = _of_the_demo() if asked.get("from") == "demo" else {}
    if (like := forms.whole_number(asked.get("like", ""), field="like", low=1, high=2**62)) is not None:
        given = _like(session, like)
    return _form(request, session, {**given, **asked})


@router.post("")
def create(request: Request, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Make the study; where anything cannot be used, the form again with each fault beside its field, input kept.

    Without scripts the form is posted to show another preset's values too (`only_show`); then nothing is made.
    """
    posted, errors = forms.values(form), dict[str, str]()
    if "only_show" in posted:
        return _form(request, session, posted)
    if "read_file" in posted:
        return _from_file(request, session, posted, form)
    try:
        with beside(errors, "prompts"):
            posted = prompt_form.with_file(posted, form)
        with session.begin_nested():
            study = _create(session, posted, errors, user)
    except BadInput as error:
        errors |= error.fields or {"name": str(error)}
        return _form(request, session, posted, errors, status=error.status)
    return RedirectResponse(f"/admin/studies/{study.id}", 303)


@router.post("/check")
def check(request: Request, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """What is wrong with the form as it is being filled, and what a round would take. Nothing is made."""
    posted = forms.values(form)
    base, _hash = load_preset(preset_of(posted))
    found = checked(session, posted, base)
    blocks = settings_form.blocks(base, posted=posted, errors=found.errors)
    return render(request, "studies/_checked.html", blocks=blocks, faults=found.faults, estimate=found.estimate)


def _from_file(request: Request, session: Session, posted: Mapping[str, str], form: FormData) -> Response:
    """The form filled from the study file that was chosen."""
    try:
        given = study_form.values_of(session, _read(form))
    except BadInput as error:
        return _form(request, session, posted, {"study_file": str(error)}, status=error.status)
    return _form(request, session, given)


def _read(form: FormData) -> StudyDraft:
    """The study in the chosen file."""
    upload = form.get("study_file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise BadInput("No file was chosen.", "Choose a study file first.")
    try:
        text = upload.file.read(MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{upload.filename} is no UTF-8 text.") from error
    return study_files.parse(text, name=upload.filename)


def _like(session: Session, study_id: int) -> dict[str, str]:
    """The form's values for a study like this one."""
    study = studies.get(session, study_id)
    given = study_form.values_of(session, study_copies.draft(session, study_id))
    own = {"model": str(study.base_model_id), "source": "", "prompt_set": str(study.prompt_set_id), "prompts": ""}
    return given | own | {"name": _("%(name)s (copy)") % {"name": study.name}}


def _create(session: Session, posted: Mapping[str, str], errors: dict[str, str], user: User) -> Study:
    """Register model and prompts, then make the study. Raises `BadInput` with all that was found wrong by then."""
    model_id, prompt_set_id, seed = 0, 0, None
    with beside(errors, "source"):
        model_id = model_to_use(session, posted, user)
    with beside(errors, "prompts"):
        prompt_set_id = _prompt_set(session, posted, user)
    with beside(errors, "seed"):
        seed = forms.whole_number(posted.get("seed", ""), field="seed", low=0, high=2**31 - 1)
    for name in ("name", "question"):
        if not posted.get(name):
            errors[name] = "This is needed."
    preset = posted.get("preset") or DEFAULT_PRESET
    base, _hash = load_preset(preset)
    if errors:
        raise BadInput("Some fields cannot be used as they are.", fields=errors)
    return studies.create(
        session,
        name=posted["name"],
        question=posted["question"],
        base_model_id=model_id,
        prompt_set_id=prompt_set_id,
        preset=preset,
        settings=settings_form.changes(posted, base),
        seed=seed,
        actor=user,
    )


def _prompt_set(session: Session, posted: Mapping[str, str], user: User) -> int:
    """The prompt set that was chosen, or one of the study's name from what was written."""
    chosen = posted.get("prompt_set") or OTHER
    if chosen != OTHER:
        return prompt_sets.get(session, forms.whole_number(chosen, field="prompt_set", low=1, high=2**62) or 0).id
    draft = replace(prompt_form.draft(posted), keep_repeats=True)  # repeats are told here, not left out unseen
    review = prompt_drafts.review(draft)
    return prompt_sets.create(session, name=posted.get("name") or "New study", prompts=review.kept, actor=user).id


def _of_the_demo() -> dict[str, str]:
    return {
        "name": "My emoji",
        "question": "Which picture is better?",
        "model": OTHER,
        "source": str(DEMO / "model"),
        "prompts": (DEMO / "prompts.txt").read_text(),
        "preset": "demo",
    }


def _form(
    request: Request, session: Session, given: Mapping[str, str], errors: Mapping[str, str] | None = None,
    *, status: int = 200,
) -> Response:  # fmt: skip
    """The form; for htmx, which asks when another preset is chosen, its settings alone."""
    preset = preset_of(given)
    base, _hash = load_preset(preset)
    found = checked(session, given, base)
    told = {**(errors or {}), **({name: said for name, said in found.errors.items() if name in SETTING_NAMES})}
    response = render(
        request,
        "studies/_settings.html" if is_htmx(request) else "studies/new.html",
        status=status,
        given=Given(given),
        errors=Given(errors or {}),
        preset=preset,
        presets=preset_names(),
        models=base_models.every(session),
        prompt_sets=[version for one in prompt_views.every(session) for version in one.versions],
        other=OTHER,
        blocks=settings_form.blocks(base, posted=given, errors=told),
        faults=found.faults if errors else (),
        estimate=found.estimate,
    )
    response.headers["Vary"] = "HX-Request"
    return response
