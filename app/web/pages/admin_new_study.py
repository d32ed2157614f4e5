"""`/admin/studies/new`: a study on one's own model and prompts, or on the demo's."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from app.errors import BadInput
from app.models import Study, User
from app.paths import DEMO
from app.services import base_models, prompt_sets, studies
from app.services.prompt_sets import PromptLine
from app.study_settings import load_preset, preset_names
from app.web import forms, settings_form
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import Given, PostedForm, beside
from app.web.htmx import is_htmx
from app.web.templating import render

router = APIRouter(prefix="/admin/studies")

OTHER = "other"
MOST_BYTES = 4 << 20
DEFAULT_PRESET = "demo"


@router.get("/new")
def new(request: Request, session: SessionDep, user: RequireAdmin) -> Response:
    """The empty form, or one filled from the address: `?from=demo` takes the demo's model and prompts."""
    given = {**(_of_the_demo() if request.query_params.get("from") == "demo" else {}), **request.query_params}
    return _form(request, session, given)


@router.post("")
def create(request: Request, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Make the study; where anything cannot be used, the form again with each fault beside its field, input kept.

    Without scripts the form is posted to show another preset's values too (`only_show`); then nothing is made.
    """
    posted, errors = forms.values(form), dict[str, str]()
    if "only_show" in posted:
        return _form(request, session, posted)
    try:
        with session.begin_nested():
            study = _create(session, posted, form, errors, user)
    except BadInput as error:
        errors |= error.fields or {"name": str(error)}
        return _form(request, session, posted, errors, status=error.status)
    return RedirectResponse(f"/admin/studies/{study.id}", 303)


def _create(session: Session, posted: Mapping[str, str], form: FormData, errors: dict[str, str], user: User) -> Study:
    """Register model and prompts, then make the study. Raises `BadInput` with all that was found wrong by then."""
    model_id, prompts, seed = 0, list[PromptLine](), None
    with beside(errors, "source"):
        model_id = _model(session, posted, user)
    with beside(errors, "prompts"):
        prompts = prompt_sets.parse(_prompts(posted, form))
    with beside(errors, "seed"):
        seed = forms.whole_number(posted.get("seed", ""), field="seed", low=0, high=2**31 - 1)
    for name in ("name", "question"):
        if not posted.get(name):
            errors[name] = "This is needed."
    preset = posted.get("preset") or DEFAULT_PRESET
    base, _ = load_preset(preset)
    if errors:
        raise BadInput("Some fields cannot be used as they are.", fields=errors)
    prompt_set = prompt_sets.create(session, name=posted["name"], prompts=prompts, actor=user)
    return studies.create(
        session,
        name=posted["name"],
        question=posted["question"],
        base_model_id=model_id,
        prompt_set_id=prompt_set.id,
        preset=preset,
        settings=settings_form.changes(posted, base),
        seed=seed,
        actor=user,
    )


def _model(session: Session, posted: Mapping[str, str], user: User) -> int:
    """The base model that was chosen, or the one whose folder or hub id was written."""
    chosen = posted.get("model", OTHER)
    if chosen != OTHER:
        return base_models.get(session, forms.whole_number(chosen, field="model", low=1, high=2**62) or 0).id
    revision = posted.get("revision") or None
    return base_models.register(session, source=posted.get("source", ""), revision=revision, actor=user).id


def _prompts(posted: Mapping[str, str], form: FormData) -> str:
    """The prompts' text: the file's, where one was chosen, else what was pasted."""
    upload = form.get("prompt_file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return posted.get("prompts", "")
    content = upload.file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadInput(f"{upload.filename} is larger than 4 MB.", "A prompt file holds one prompt a line.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{upload.filename} is no UTF-8 text.", "Save it as UTF-8, one prompt a line.") from error


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
    preset = given.get("preset") if given.get("preset") in preset_names() else DEFAULT_PRESET
    base, _ = load_preset(preset or DEFAULT_PRESET)
    response = render(
        request,
        "studies/_settings.html" if is_htmx(request) else "studies/new.html",
        status=status,
        given=Given(given),
        errors=Given(errors or {}),
        preset=preset,
        presets=preset_names(),
        models=base_models.every(session),
        other=OTHER,
        blocks=settings_form.blocks(base, posted=given, errors=errors),
    )
    response.headers["Vary"] = "HX-Request"
    return response
