"""`/research/studies/…/playground`: a prompt of one's own, drawn by the base and by checkpoints at the same noise; and
`/research/tries/…`, where what came of it stays."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, TooMany
from app.models import User
from app.services import playground, round_views, studies, study_views, try_views
from app.services.try_views import Trying
from app.study_settings import validated
from app.web import forms, playground_form
from app.web.deps import ArtifactsDep, RequireResearcher, SessionDep
from app.web.forms import Given, PostedForm
from app.web.htmx import is_htmx
from app.web.ids import MOST_ID
from app.web.templating import render

router = APIRouter(prefix="/research")

HISTORY = 12
CHOOSE_FROM = 200


@router.get("/studies/{study_id:int}/playground")
def show(
    request: Request, study_id: int, session: SessionDep, user: RequireResearcher,
    checkpoint: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
    before: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
) -> Response:  # fmt: skip
    """The form, and what the user has drawn of the study."""
    settings = validated(studies.get(session, study_id).settings)
    newest = [one.id for one in study_views.checkpoint_options(session, study_id, limit=1)]
    values = playground_form.begun(settings.sampling, [checkpoint] if checkpoint else newest)
    return _page(request, session, study_id, user, values, before=before)


@router.post("/studies/{study_id:int}/playground")
def ask(
    request: Request, study_id: int, session: SessionDep, user: RequireResearcher, form: PostedForm
) -> Response:  # fmt: skip
    """Ask for it; where anything cannot be used, the form again with each fault beside its field, input kept."""
    posted = forms.values(form)
    try:
        with session.begin_nested():
            made = playground.ask(
                session, study_id=study_id, prompt=posted.get("prompt", ""),
                policies=playground_form.policies(posted), drawing=playground_form.drawing(posted), actor=user,
            )  # fmt: skip
    except (BadInput, TooMany) as error:
        return _page(request, session, study_id, user, posted, refused=error)
    return RedirectResponse(f"/research/tries/{made.id}", 303)


@router.get("/tries/{try_id:int}")
def result(request: Request, try_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    """What was asked for, to be shown around in the house; for htmx, which asks until it has ended, its part alone."""
    trying = playground.view(session, try_id)
    response: Response
    if is_htmx(request):
        response = render(request, "playground/_try.html", **_of_try(session, trying, user))
    else:
        response = _page(request, session, trying.study_id or 0, user, playground_form.of_try(trying), trying=trying)
    response.headers["Vary"] = "HX-Request"
    return response


@router.post("/tries/{try_id:int}/stop")
def stop(try_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    playground.stop(session, try_id=try_id, actor=user)
    return RedirectResponse(f"/research/tries/{try_id}", 303)


@router.post("/tries/{try_id:int}/remove")
def remove(try_id: int, session: SessionDep, artifacts: ArtifactsDep, user: RequireResearcher) -> Response:
    study_id = playground.remove(session, artifacts, try_id=try_id, actor=user)
    return RedirectResponse(f"/research/studies/{study_id}/playground", 303)


@router.post("/tries/{try_id:int}/prompt")
def save_prompt(try_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    """Make its prompt an evaluation prompt; the try's page says what that means."""
    playground.save_prompt(session, try_id=try_id, actor=user)
    return RedirectResponse(f"/research/tries/{try_id}", 303)


def _of_try(session: Session, trying: Trying, user: User) -> dict[str, Any]:
    assert trying.study_id is not None
    return {
        "trying": trying,
        "own_prompts": playground.own_prompts(session, trying.study_id),
        "newest_prompts": playground.newest_prompts(session, trying.study_id),
        "is_saved": playground.is_saved(session, trying),
        "may_change": playground.may_change(trying, user),
        "workers": round_views.workers(session),
    }


def _page(
    request: Request, session: Session, study_id: int, user: User, values: Mapping[str, str], *,
    trying: Trying | None = None, before: int | None = None, refused: Exception | None = None,
) -> Response:  # fmt: skip
    study = study_views.card(session, study_id)
    chosen = [
        int(value) for name, value in values.items() if name.startswith(("checkpoint_", "mix_")) and value.isdigit()
    ]
    found = playground.own(session, user, study_id=study_id, before=before, limit=HISTORY + 1)
    response = render(
        request,
        "playground/playground.html",
        study=study,
        values=Given(values),
        errors=Given(refused.fields if isinstance(refused, BadInput) else {}),
        refused=refused,
        options=study_views.checkpoint_options(session, study_id, limit=CHOOSE_FROM, also=chosen),
        history=found[:HISTORY],
        older=found[HISTORY - 1].id if len(found) > HISTORY else None,
        seconds_each=try_views.seconds_each(session, studies.get(session, study_id).base_model_id),
        **(_of_try(session, trying, user) if trying else {"trying": None}),
    )
    if isinstance(refused, BadInput | TooMany):
        response.status_code = refused.status
    return response
