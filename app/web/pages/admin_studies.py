"""`/admin`: the studies, a study's own page, and what can be started there."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, TastemakerError
from app.models import Sampler
from app.services import evaluation_rounds, round_views, rounds, studies, study_views, warning_views
from app.web import forms
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import PostedForm
from app.web.templating import render

router = APIRouter(prefix="/admin")

BASE = "base"
MOST_PAIRS = 100_000
ROUNDS = 50  # listed at once
CHECKPOINTS = 50  # to choose from; older ones have a link on their own page


@router.get("")
@router.get("/", include_in_schema=False)
def index(request: Request, session: SessionDep, user: RequireAdmin, archived: bool = False) -> Response:
    cards = study_views.cards(session, archived=archived)
    return render(
        request,
        "studies/list.html",
        studies=cards,
        warnings=warning_views.standing(session, [card.id for card in cards]),
        archived=archived,
        workers=round_views.workers(session),
    )


@router.get("/studies/{study_id:int}")
def show(
    request: Request, study_id: int, session: SessionDep, user: RequireAdmin,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:  # fmt: skip
    """The study with its newest rounds, or with those `before` a round."""
    return _page(request, session, study_id, before=before)


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
                session, study_id=study_id, checkpoint_id=one, other_checkpoint_id=other,
                sampler=_sampler(posted.get("sampler", Sampler.STUDY)),
                pairs=forms.whole_number(posted.get("compared", ""), field="compared", low=1, high=MOST_PAIRS),
                choices_per_pair=forms.whole_number(posted.get("choices", ""), field="choices", low=1, high=100),
                actor=user,
            )  # fmt: skip
    except TastemakerError as error:
        return _page(request, session, study_id, error=error, compared=posted)
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


def _page(
    request: Request, session: Session, study_id: int, *, before: int | None = None,
    error: TastemakerError | None = None, compared: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """The study's page; with an error, that it is shown and the status is the error's, and what was `compared` stays in
    its form. `checkpoint` in the address is
    the policy that is to be chosen: an id, or the base."""
    asked = request.query_params.get("checkpoint", "")
    also = [int(asked)] if asked.isascii() and asked.isdigit() and len(asked) < 18 else []
    shown = study_views.page(
        session, study_id, before=before, limit=ROUNDS + 1, choose_from=CHECKPOINTS, also=also
    )  # fmt: skip
    status = error.status if error else 200
    current = warning_views.current(session, study_id)
    seen = {line.id for line in current}
    return render(
        request,
        "studies/study.html",
        status=status,
        study=shown,
        rounds=shown.rounds[:ROUNDS],
        older=shown.rounds[ROUNDS - 1].id if len(shown.rounds) > ROUNDS else None,
        before=before,
        error=error,
        workers=round_views.workers(session),
        warnings=current,
        earlier_warnings=[line for line in warning_views.of_study(session, study_id) if line.id not in seen],
        compared=compared or {},
        most_pairs=evaluation_rounds.most_pairs(session, studies.get(session, study_id), Sampler.STUDY),
        chosen=asked or str(shown.current_id or BASE),
    )


def _policy(text: str) -> int | None:
    """A policy as forms name it: a checkpoint's id, or the base."""
    return None if text == BASE else forms.whole_number(text, field="checkpoint", low=1, high=2**62)


def _sampler(text: str) -> Sampler:
    """A sampler as the form names it."""
    if text not in list(Sampler):
        raise BadInput(f"{text!r} is no way to draw pictures.", "Choose one of those offered.")
    return Sampler(text)
