"""What was measured in training, step by step, and what judges say of the checkpoint that came of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.services import checkpoint_views, round_views, training_views
from app.services.training_views import RunLine
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRead
from app.web.api.shapes import RunShape, ScoreShape
from app.web.deps import SessionDep

router = APIRouter(tags=["rounds"])


class Metrics(Page[dict[str, Any]]):
    """Optimizer steps in their order, each with all that was measured at it; of one training run."""

    run: RunShape
    scores: list[ScoreShape]


@router.get("/rounds/{round_id}/metrics", operation_id="get_metrics", summary="Metrics of a training run")
def show(
    round_id: int, session: SessionDep, user: MayRead, cursor: Cursor, limit: Limit = 500,
    run: Annotated[int | None, Query(description="The run's number in its round; without, the newest.")] = None,
) -> Metrics:  # fmt: skip
    """404 before the round has a training run."""
    study_id = round_views.head(session, round_id).line.study_id
    line = training_views.run_of_round(session, round_id, run)
    rows = training_views.metrics(session, line.id, after=-1 if cursor is None else cursor, limit=limit + 1)
    page = page_of([{"step": step, **values} for step, values in rows], limit, lambda row: int(row["step"]))
    policies = checkpoint_views.scores(session, study_id) if line.checkpoint_id else []
    own = next((policy.scores for policy in policies if policy.checkpoint_id == line.checkpoint_id), ())
    scores = [ScoreShape.model_validate(score) for score in own]
    return Metrics(run=_shape(line), scores=scores, items=page.items, next=page.next)


def _shape(line: RunLine) -> RunShape:
    names = set(RunShape.model_fields) - {"checkpoint"}
    return RunShape(checkpoint=line.checkpoint_number, **{name: getattr(line, name) for name in names})
