"""`/admin/tries`: two pictures drawn with a form's settings, shown as they come."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, TastemakerError
from app.models import TryIt, User
from app.services import prompt_drafts, prompt_sets, round_views, studies, tries, try_views
from app.study_settings import SamplingSettings, load_preset, merged, validated
from app.web import forms, prompt_form, settings_form
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import PostedForm
from app.web.htmx import is_htmx
from app.web.study_form import OTHER, model_to_use, preset_of
from app.web.templating import render

router = APIRouter(prefix="/admin/tries")

ONLY = ("sampling",)


@router.post("")
def ask(request: Request, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Ask for two pictures with the values of a new study's form, or of the settings of one that exists."""
    posted = forms.values(form)
    try:
        with session.begin_nested():
            made = _ask(session, posted, user)
    except TastemakerError as error:
        if not is_htmx(request):
            raise
        said = "; ".join(error.fields.values()) if isinstance(error, BadInput) and error.fields else ""
        return render(request, "tries/_refused.html", message=f"{error}" if not said else f"{error.message} {said}")
    if is_htmx(request):
        return _fragment(request, session, made.id)
    return RedirectResponse(f"/admin/tries/{made.id}", 303)


@router.get("/{try_id:int}")
def show(request: Request, try_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    """The try; for htmx, which asks every second until it has ended, its part alone."""
    if is_htmx(request):
        return _fragment(request, session, try_id)
    response = render(
        request, "tries/try.html", trying=try_views.view(session, try_id), workers=round_views.workers(session)
    )
    response.headers["Vary"] = "HX-Request"
    return response


def _fragment(request: Request, session: Session, try_id: int) -> Response:
    response = render(
        request, "tries/_try.html", trying=try_views.view(session, try_id), workers=round_views.workers(session)
    )
    response.headers["Vary"] = "HX-Request"
    return response


def _ask(session: Session, posted: Mapping[str, str], user: User) -> TryIt:
    if posted.get("study_id"):
        return _of_study(session, posted, user)
    model = model_to_use(session, posted, user)
    base, _ = load_preset(preset_of(posted))
    return tries.ask(
        session, base_model_id=model, prompt=posted.get("try_prompt") or _first(session, posted),
        sampling=_sampling(posted, base, filled=False), actor=user,
    )  # fmt: skip


def _of_study(session: Session, posted: Mapping[str, str], user: User) -> TryIt:
    """By the policy that the study's next round draws with."""
    study = studies.get(session, forms.whole_number(posted["study_id"], field="study_id", low=1, high=2**62) or 0)
    base = validated(study.settings)
    prompt = posted.get("try_prompt") or prompt_sets.prompts_of(session, study.prompt_set_id)[0].text
    return tries.ask(
        session, base_model_id=study.base_model_id, prompt=prompt, sampling=_sampling(posted, base, filled=True),
        study=study, checkpoint_id=study.current_checkpoint_id, actor=user,
    )  # fmt: skip


def _sampling(posted: Mapping[str, str], base, *, filled: bool) -> SamplingSettings:  # type: ignore[no-untyped-def]
    """The form's sampling settings; other blocks do not matter to a picture, and may have faults."""
    return merged(base, settings_form.changes(posted, base, only=ONLY, filled=filled)).sampling


def _first(session: Session, posted: Mapping[str, str]) -> str:
    """The first prompt of the chosen set or of what is written; empty where there is none yet."""
    chosen = posted.get("prompt_set") or OTHER
    if chosen != OTHER:
        number = forms.whole_number(chosen, field="prompt_set", low=1, high=2**62) or 0
        return prompt_sets.prompts_of(session, prompt_sets.get(session, number).id)[0].text
    kept = prompt_drafts.review(prompt_form.draft(posted)).kept if posted.get("prompts") else []
    return kept[0].text if kept else ""
