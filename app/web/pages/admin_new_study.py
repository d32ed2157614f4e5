"""`/admin/studies/new`: a study on one's own model and prompts, or on the demo's."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Study, User
from app.paths import DEMO
from app.services import base_models, prompt_drafts, prompt_sets, prompt_views, studies
from app.study_settings import load_preset, preset_names
from app.web import forms, prompt_form, settings_form
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import Given, PostedForm, beside
from app.web.htmx import is_htmx
from app.web.templating import render

router = APIRouter(prefix="/admin/studies")

OTHER = "other"
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
        with beside(errors, "prompts"):
            posted = prompt_form.with_file(posted, form)
        with session.begin_nested():
            study = _create(session, posted, errors, user)
    except BadInput as error:
        errors |= error.fields or {"name": str(error)}
        return _form(request, session, posted, errors, status=error.status)
    return RedirectResponse(f"/admin/studies/{study.id}", 303)


def _create(session: Session, posted: Mapping[str, str], errors: dict[str, str], user: User) -> Study:
    """Register model and prompts, then make the study. Raises `BadInput` with all that was found wrong by then."""
    model_id, prompt_set_id, seed = 0, 0, None
    with beside(errors, "source"):
        model_id = _model(session, posted, user)
    with beside(errors, "prompts"):
        prompt_set_id = _prompt_set(session, posted, user)
    with beside(errors, "seed"):
        seed = forms.whole_number(posted.get("seed", ""), field="seed", low=0, high=2**31 - 1)
    for name in ("name", "question"):
        if not posted.get(name):
            errors[name] = "This is needed."
    preset = posted.get("preset") or DEFAULT_PRESET
    base, _ = load_preset(preset)
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


def _model(session: Session, posted: Mapping[str, str], user: User) -> int:
    """The base model that was chosen, or the one whose folder or hub id was written."""
    chosen = posted.get("model", OTHER)
    if chosen != OTHER:
        return base_models.get(session, forms.whole_number(chosen, field="model", low=1, high=2**62) or 0).id
    revision = posted.get("revision") or None
    return base_models.register(session, source=posted.get("source", ""), revision=revision, actor=user).id


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
        prompt_sets=[version for one in prompt_views.every(session) for version in one.versions],
        other=OTHER,
        blocks=settings_form.blocks(base, posted=given, errors=errors),
    )
    response.headers["Vary"] = "HX-Request"
    return response
