"""`/admin/rounds/{id}`: one round as it happens, and the moves that it offers. Every move is a form that posts."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import Round, RoundKind
from app.services import comparison_views, job_moves, round_moves, round_views, rounds, training_runs
from app.services.round_views import RoundHead
from app.study_settings import StudySettings, merged, validated
from app.web import forms, round_parts, settings_form
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import PostedForm
from app.web.htmx import is_htmx
from app.web.templating import render

router = APIRouter(prefix="/admin/rounds")

FromPlace = Annotated[int, Query(ge=0, le=2**31)]
Move = Literal["pause", "resume", "advance", "cancel", "retry", "train_again"]
MOVES: dict[str, Callable[..., Round]] = {
    "pause": round_moves.pause,
    "resume": round_moves.resume,
    "advance": round_moves.advance,
    "cancel": round_moves.cancel,
    "retry": round_moves.retry,
    "train_again": round_moves.train_again,
}


@router.get("/{round_id}")
def show(
    request: Request,
    round_id: int,
    session: SessionDep,
    user: RequireAdmin,
    part: str = "",
    prompts_from: FromPlace = 0,
) -> Response:
    """The page; for htmx, the named part of it alone. `prompts_from` is the place of the first prompt of a comparison
    that is shown with its pictures."""
    head = round_views.head(session, round_id)
    if part and is_htmx(request):
        response = _part(request, session, head, part)
    else:
        response = _page(request, session, head, prompts_from=prompts_from)
    response.headers["Vary"] = "HX-Request"
    return response


@router.post("/{round_id}/retry_with")
def retry_with(request: Request, round_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Start a training run with other settings; where they cannot be used, the page again with what is wrong."""
    posted = forms.values(form)
    base = _settings_of_newest_run(session, rounds.get(session, round_id))
    training = {
        **base.training.model_dump(),
        **settings_form.changes(posted, base, only=["training"]).get("training", {}),
    }
    try:
        with session.begin_nested():
            round_moves.retry_with(session, round_id=round_id, training=training, actor=user)
    except BadInput as error:
        head = round_views.head(session, round_id)
        return _page(request, session, head, posted=posted, errors=error.fields, status=error.status)
    return RedirectResponse(f"/admin/rounds/{round_id}", 303)


@router.post("/{round_id}/redraw")
def redraw(round_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Draw a chunk again that was put aside; without one that is named, all of them."""
    job_id = forms.whole_number(forms.values(form).get("job", ""), field="job", low=1, high=2**62)
    job_moves.redraw(session, round_id=round_id, job_id=job_id, actor=user)
    return RedirectResponse(f"/admin/rounds/{round_id}", 303)


@router.post("/{round_id}/{move}")
def make_move(round_id: int, move: Move, session: SessionDep, user: RequireAdmin) -> Response:
    MOVES[move](session, round_id=round_id, actor=user)
    return RedirectResponse(f"/admin/rounds/{round_id}", 303)


def _part(request: Request, session: Session, head: RoundHead, name: str) -> Response:
    part = next((one for one in round_parts.of_round(head) if one.name == name), None)
    if part is None:
        raise NotFound(f"A round's page has no part {name!r}.")
    return render(request, part.template, **part.view(head, part.facts(session, head)))


def _page(
    request: Request, session: Session, head: RoundHead, *, posted: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None, status: int = 200, prompts_from: int = 0,
) -> Response:  # fmt: skip
    view: dict[str, Any] = {"differs": settings_form.told(head.differs)}
    for part in round_parts.of_round(head):
        view |= part.view(head, part.facts(session, head))
    if head.line.kind is RoundKind.EVALUATION:
        view["by_prompt"] = comparison_views.by_prompt(session, head.line.id, first=prompts_from)
        view["prompts_a_page"] = comparison_views.PROMPTS
    if "retry_with" in head.moves:
        base = _settings_of_newest_run(session, rounds.get(session, head.line.id))
        view["training_form"] = settings_form.blocks(base, only=["training"], posted=posted, errors=errors)
    return render(request, "rounds/round.html", status=status, **view)


def _settings_of_newest_run(session: Session, round_: Round) -> StudySettings:
    """The round's settings with the training block of its newest run: what other settings differ from."""
    settings = validated(round_.settings)
    run = training_runs.newest(session, round_.id)
    return merged(settings, {"training": run.settings}) if run else settings
