"""`/research/studies/…/exports`: a study's data as files: asked for, seen to come, downloaded, removed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.errors import BadInput
from app.services import export_formats, exports, round_views, study_views
from app.services.export_source import Rounds
from app.web import forms
from app.web.deps import ArtifactsDep, RequireResearcher, SessionDep, SettingsDep
from app.web.forms import PostedForm
from app.web.htmx import render_live

router = APIRouter(prefix="/research")

PAGE = 20


@router.get("/studies/{study_id:int}/exports")
def show(
    request: Request, study_id: int, session: SessionDep, user: RequireResearcher,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:  # fmt: skip
    """What was exported and what can be; for htmx, which asks while any is at work, the list alone."""
    found = exports.lines(session, study_id, before=before, limit=PAGE + 1)
    amount = exports.amount(session, study_id)
    return render_live(
        request,
        "exports/exports.html",
        "exports/_list.html",
        study=study_views.card(session, study_id),
        lines=found[:PAGE],
        before=before,
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        at_work=any(line.is_at_work for line in found[:PAGE]),
        amount=amount,
        sizes={name: amount.bytes(name) for name in export_formats.FORMATS},
        workers=round_views.workers(session),
    )


@router.post("/studies/{study_id:int}/exports")
def ask(
    study_id: int, session: SessionDep, settings: SettingsDep, user: RequireResearcher, form: PostedForm
) -> Response:  # fmt: skip
    posted = forms.values(form)
    exports.ask(
        session, study_id=study_id, format_name=posted.get("format", ""), rounds=_rounds(posted.get("rounds", "")),
        secret=settings.secret(), actor=user,
    )  # fmt: skip
    return RedirectResponse(f"/research/studies/{study_id}/exports", 303)


@router.post("/exports/{export_id:int}/stop")
def stop(export_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    exports.stop(session, export_id=export_id, actor=user)
    return RedirectResponse(f"/research/studies/{exports.get(session, export_id).study_id}/exports", 303)


@router.post("/exports/{export_id:int}/again")
def again(export_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    exports.again(session, export_id=export_id, actor=user)
    return RedirectResponse(f"/research/studies/{exports.get(session, export_id).study_id}/exports", 303)


@router.post("/exports/{export_id:int}/remove")
def remove(export_id: int, session: SessionDep, artifacts: ArtifactsDep, user: RequireResearcher) -> Response:
    study_id = exports.remove(session, artifacts, export_id=export_id, actor=user)
    return RedirectResponse(f"/research/studies/{study_id}/exports", 303)


def _rounds(said: str) -> Rounds:
    if said not in list(Rounds):
        raise BadInput(f"{said!r} names no rounds.", f"Choose one of {', '.join(Rounds)}.", fields={"rounds": said})
    return Rounds(said)
