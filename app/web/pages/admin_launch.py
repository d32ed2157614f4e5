"""`/admin/studies/{id}/launch`: launching a round with other settings than its study's, for this round alone."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, TastemakerError
from app.models import RoundKind, Study
from app.services import base_models, estimates, round_views, rounds, studies
from app.study_settings import StudySettings, validated
from app.web import forms, settings_form
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import Given, PostedForm
from app.web.study_form import SETTING_NAMES, Checked
from app.web.templating import render

router = APIRouter(prefix="/admin/studies/{study_id:int}/launch")

ONLY = ("sampling", "labeling", "training")
WITHOUT = frozenset(name for name in SETTING_NAMES if not rounds.may_differ(name))


@router.get("")
def show(request: Request, study_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    return _page(request, session, studies.get(session, study_id), {})


@router.post("")
def launch(request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Launch; where anything cannot be used, the form again with each fault beside its field, input kept."""
    study, posted = studies.get(session, study_id), forms.values(form)
    try:
        with session.begin_nested():
            row = forms.whole_number(posted.get("in_a_row", ""), field="in_a_row", low=1, high=studies.MOST_AUTO_ROUNDS)
            own = settings_form.changes(posted, validated(study.settings), only=ONLY)
            round_ = rounds.launch(session, study_id=study_id, settings=own, actor=user)
            if row is not None and row > 1:
                studies.set_auto_rounds(session, study_id=study_id, rounds=row - 1, actor=user)
    except TastemakerError as error:
        return _page(request, session, study, posted, refused=error)
    return RedirectResponse(f"/admin/rounds/{round_.id}", 303)


@router.post("/look")
def look(request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """The form with what differs from the study: for browsers without scripts. Nothing is launched."""
    return _page(request, session, studies.get(session, study_id), forms.values(form))


@router.post("/check")
def check(request: Request, study_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """What is wrong with the form as it is being filled, what the round would take, and what differs."""
    return render(
        request, "studies/_launch_checked.html", **_filled(session, studies.get(session, study_id), forms.values(form))
    )


def _filled(session: Session, study: Study, posted: Mapping[str, str]) -> dict[str, Any]:
    """The form's blocks, its faults, the estimate, and what differs; of a form with faults nothing does."""
    base = validated(study.settings)
    found, differs = _checked(session, study, base, posted)
    return {
        "blocks": settings_form.blocks(base, only=ONLY, posted=posted, errors=found.errors, without=WITHOUT),
        "faults": found.faults,
        "estimate": found.estimate,
        "differs": differs,
    }


def _checked(
    session: Session, study: Study, base: StudySettings, posted: Mapping[str, str]
) -> tuple[Checked, list[tuple[str, str, str]]]:
    try:
        own = rounds.of_its_own(base, settings_form.changes(posted, base, only=ONLY))
    except BadInput as error:
        return Checked(error.fields, None, None), []
    estimate = estimates.of_round(
        session, own, model=base_models.get(session, study.base_model_id),
        evaluation_prompts=estimates.evaluation_prompts(session, study.prompt_set_id),
    )  # fmt: skip
    return Checked({}, own, estimate), settings_form.told(round_views.differences(studies.differing(base, own)))


def _page(
    request: Request, session: Session, study: Study, posted: Mapping[str, str], *,
    refused: TastemakerError | None = None,
) -> Response:  # fmt: skip
    last = rounds.newest(session, study.id, RoundKind.PREFERENCE)
    return render(
        request,
        "studies/launch.html",
        status=refused.status if refused else 200,
        study=study,
        number=last.number + 1 if last else 1,
        in_a_row=posted.get("in_a_row") or max(study.auto_rounds, 1),
        errors=Given(refused.fields if isinstance(refused, BadInput) else {}),
        refused=refused,
        **_filled(session, study, posted),
    )
