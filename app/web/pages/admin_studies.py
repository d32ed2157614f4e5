"""`/admin`: the studies, a study's own page, and what can be started there."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import TastemakerError
from app.services import evaluation_rounds, round_views, rounds, studies, study_views, warning_views
from app.web import forms
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import PostedForm
from app.web.templating import render

router = APIRouter(prefix="/admin")

BASE = "base"
MOST_PAIRS = 100_000


@router.get("")
@router.get("/", include_in_schema=False)
def index(request: Request, session: SessionDep, user: RequireAdmin, archived: bool = False) -> Response:
    return render(
        request,
        "studies/list.html",
        studies=study_views.cards(session, archived=archived),
        archived=archived,
        workers=round_views.workers(session),
    )


@router.get("/studies/{study_id:int}")
def show(request: Request, study_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    return _page(request, session, study_id)


@router.post("/studies/{study_id:int}/rounds")
def launch(request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Launch a round, and say how many rounds the study runs in a row, this one included."""
    posted = forms.values(form)
    try:
        with session.begin_nested():
            pairs = forms.whole_number(posted.get("pairs", ""), field="pairs", low=1, high=MOST_PAIRS)
            row = forms.whole_number(posted.get("in_a_row", ""), field="in_a_row", low=1, high=studies.MOST_AUTO_ROUNDS)
            round_ = rounds.launch(session, study_id=study_id, pairs=pairs, actor=user)
            if row is not None and row > 1:
                studies.set_auto_rounds(session, study_id=study_id, rounds=row - 1, actor=user)
    except TastemakerError as error:
        return _page(request, session, study_id, error=error)
    return RedirectResponse(f"/admin/rounds/{round_.id}", 303)


@router.post("/studies/{study_id:int}/comparisons")
def compare(request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Launch an evaluation round: a blind comparison of two policies."""
    posted = forms.values(form)
    try:
        with session.begin_nested():
            one, other = (_policy(posted.get(name, BASE)) for name in ("one", "other"))
            round_ = evaluation_rounds.launch(
                session, study_id=study_id, checkpoint_id=one, other_checkpoint_id=other, actor=user
            )
    except TastemakerError as error:
        return _page(request, session, study_id, error=error)
    return RedirectResponse(f"/admin/rounds/{round_.id}", 303)


@router.post("/studies/{study_id:int}/checkpoint")
def set_checkpoint(
    request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm
) -> Response:
    """Choose what the next round starts from."""
    try:
        with session.begin_nested():
            chosen = _policy(forms.values(form).get("checkpoint", BASE))
            studies.set_checkpoint(session, study_id=study_id, checkpoint_id=chosen, actor=user)
    except TastemakerError as error:
        return _page(request, session, study_id, error=error)
    return RedirectResponse(f"/admin/studies/{study_id}", 303)


@router.post("/studies/{study_id:int}/auto_rounds")
def set_auto_rounds(
    request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm
) -> Response:
    """Choose how many further rounds the study launches by itself."""
    try:
        with session.begin_nested():
            count = forms.whole_number(
                forms.values(form).get("rounds", ""), field="rounds", low=0, high=studies.MOST_AUTO_ROUNDS
            )
            studies.set_auto_rounds(session, study_id=study_id, rounds=count or 0, actor=user)
    except TastemakerError as error:
        return _page(request, session, study_id, error=error)
    return RedirectResponse(f"/admin/studies/{study_id}", 303)


def _page(request: Request, session: Session, study_id: int, *, error: TastemakerError | None = None) -> Response:
    """The study's page; with an error, that it is shown and the status is the error's. `checkpoint` in the address is
    the policy that is to be chosen: an id, or the base."""
    shown = study_views.page(session, study_id)
    status = error.status if error else 200
    current = warning_views.current(session, study_id)
    seen = {line.id for line in current}
    return render(
        request,
        "studies/study.html",
        status=status,
        study=shown,
        error=error,
        workers=round_views.workers(session),
        warnings=current,
        earlier_warnings=[line for line in warning_views.of_study(session, study_id) if line.id not in seen],
        chosen=request.query_params.get("checkpoint") or str(shown.current_id or BASE),
    )


def _policy(text: str) -> int | None:
    """A policy as forms name it: a checkpoint's id, or the base."""
    return None if text == BASE else forms.whole_number(text, field="checkpoint", low=1, high=2**62)
