"""Rounds: read, and moved."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.services import evaluation_results, job_moves, round_moves, round_views
from app.web.api.bodies import Body
from app.web.api.scoped import MayRead, MayRunStudies
from app.web.api.shapes import ComparisonShape, RoundDetail
from app.web.deps import SessionDep
from app.web.ids import MOST_ID, PathId

router = APIRouter(tags=["rounds"])


class Retry(Body):
    training: dict[str, Any] | None = Field(
        None, description="Other training settings: a new run on the same frozen choices. Without, it goes on."
    )


class Redraw(Body):
    job: int | None = Field(None, ge=1, le=MOST_ID, description="Id of one chunk's job; without, all put aside.")


@router.get("/rounds/{round_id}", operation_id="get_round", summary="One round")
def show(round_id: int, session: SessionDep, user: MayRead) -> RoundDetail:
    """Its state, how far it is, its settings and the moves that are open to an admin."""
    return RoundDetail.of_head(round_views.head(session, round_id))


@router.get(
    "/rounds/{round_id}/comparison", operation_id="get_comparison", summary="What an evaluation round has found"
)
def comparison(round_id: int, session: SessionDep, user: MayRead) -> ComparisonShape:
    """404 for a preference round, which compares nothing."""
    return ComparisonShape.of(round_id, evaluation_results.of_round(session, round_id))


@router.post("/rounds/{round_id}/pause", operation_id="pause_round", summary="Let a round stand still")
def pause(round_id: int, session: SessionDep, user: MayRunStudies) -> RoundDetail:
    """No pairs are dealt, and workers give their jobs back at the next safe point."""
    round_moves.pause(session, round_id=round_id, actor=user)
    return show(round_id, session, user)


@router.post("/rounds/{round_id}/resume", operation_id="resume_round", summary="Let a paused round go on")
def resume(round_id: int, session: SessionDep, user: MayRunStudies) -> RoundDetail:
    """After a pause; after a failure take `retry`."""
    round_moves.resume(session, round_id=round_id, actor=user)
    return show(round_id, session, user)


@router.post("/rounds/{round_id}/advance", operation_id="advance_round", summary="Train now")
def advance(round_id: int, session: SessionDep, user: MayRunStudies) -> RoundDetail:
    """Train with the choices there are; an evaluation round ends."""
    round_moves.advance(session, round_id=round_id, actor=user)
    return show(round_id, session, user)


@router.post("/rounds/{round_id}/cancel", operation_id="cancel_round", summary="End a round without a checkpoint")
def cancel(round_id: int, session: SessionDep, user: MayRunStudies) -> RoundDetail:
    """Its pictures and choices are kept."""
    round_moves.cancel(session, round_id=round_id, actor=user)
    return show(round_id, session, user)


@router.post("/rounds/{round_id}/retry", operation_id="retry_round", summary="Go on where a round failed")
def retry(round_id: int, session: SessionDep, user: MayRunStudies, body: Retry | None = None) -> RoundDetail:
    """With `training`: a new training run with these settings on the same frozen choices."""
    if body is None or body.training is None:
        round_moves.retry(session, round_id=round_id, actor=user)
    else:
        round_moves.retry_with(session, round_id=round_id, training=body.training, actor=user)
    return show(round_id, session, user)


@router.post("/rounds/{round_id}/redraw", operation_id="redraw_round", summary="Draw again what was put aside")
def redraw(round_id: PathId, session: SessionDep, user: MayRunStudies, body: Redraw | None = None) -> RoundDetail:
    """Chunks that failed for good, or one of them: the same noise, in the same batches. 409 where none is wanted any
    more."""
    job_moves.redraw(session, round_id=round_id, job_id=body.job if body else None, actor=user)
    return show(round_id, session, user)


@router.post("/rounds/{round_id}/train-again", operation_id="train_round_again", summary="Train a round once more")
def train_again(round_id: PathId, session: SessionDep, user: MayRunStudies) -> RoundDetail:
    """A complete round, from its choices as they are now: a checkpoint beside the others."""
    round_moves.train_again(session, round_id=round_id, actor=user)
    return show(round_id, session, user)
