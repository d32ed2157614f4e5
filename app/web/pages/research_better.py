"""`/research/studies/…/better`: does it get better? The evaluation pictures round by round, two of them one over the
other, what judges say, and how people rank the policies."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Sampler
from app.services import evaluation_grid, evaluation_scores, evaluation_views, ranking, study_views
from app.services.evaluation_grid import ROWS, Which
from app.services.evaluation_scores import JudgeScores, PolicyScore
from app.services.evaluation_views import Row
from app.services.pictures import Picture
from app.services.ranking import Ranking
from app.services.training_views import Point
from app.web import charts, interval_chart
from app.web.charts import Spread
from app.web.deps import RequireResearcher, SessionDep
from app.web.htmx import is_htmx, render_live
from app.web.templating import render

router = APIRouter(prefix="/research/studies")

IN_TABLE = 50  # policies; charts show some of all, and the API gives every one


class Look(BaseModel):
    """What is looked at: how and with which noise the pictures are drawn, which checkpoints stand in the columns (by
    rule, or by their numbers in `columns`), from which prompt on, and which two lie one over the other."""

    sampler: Sampler = Sampler.STUDY
    draw: int = Field(0, ge=0, le=10_000)
    which: Which = Which.NEWEST
    columns: str = Field("", max_length=400)
    first: int = Field(0, ge=0, le=10**9)
    one: int | None = Field(None, ge=0, le=10**9)
    other: int | None = Field(None, ge=0, le=10**9)
    prompt: int | None = Field(None, ge=0, le=10**9)

    def query(self, **changes: Any) -> str:
        """The query of this look with some of it changed."""
        return urlencode(Look.model_validate(self.model_dump() | changes).chosen())

    def chosen(self) -> dict[str, Any]:
        """What is not as nobody chose it, by name."""
        return self.model_dump(mode="json", exclude_defaults=True)


@router.get("/{study_id:int}/better")
def show(
    request: Request, study_id: int, session: SessionDep, user: RequireResearcher, look: Annotated[Look, Query()]
) -> Response:
    """The whole page; for htmx, its pictures alone."""
    card = study_views.card(session, study_id)
    view, error = _pictures(session, study_id, look)
    view |= {"study": card, "look": look, "error": error}
    if is_htmx(request):
        return render_live(request, "better/better.html", "better/_pictures.html", **view)
    judges = evaluation_scores.of_study(session, study_id)
    ranked = ranking.of_study(session, study_id)
    never = [column for column in view["all_columns"] if column.number not in ranked.compared]
    response = render(
        request, "better/better.html", status=error.status if error else 200,
        judges=[(judge, _chart(judge), _table(judge)) for judge in judges],
        newest=_newest(judges), ranked=ranked, dots=_dots(ranked), never=never, **view,
    )  # fmt: skip
    response.headers["Vary"] = "HX-Request"
    return response


def _pictures(session: Session, study_id: int, look: Look) -> tuple[dict[str, Any], BadInput | None]:
    """The grid, and the two that lie one over the other. What cannot be used gives way to what nobody chose."""
    all_ = evaluation_grid.columns(session, study_id)
    extent = evaluation_grid.extent(session, study_id)
    error = None
    columns = evaluation_grid.pick(all_, look.which)
    one, other = all_[0], columns[-1]
    try:
        if look.columns.strip():
            columns = evaluation_grid.named(all_, look.columns)
        one, other = evaluation_grid.one(all_, look.one, one), evaluation_grid.one(all_, look.other, columns[-1])
    except BadInput as found:
        error = found
    rows, two = (
        evaluation_views.rows(
            session, study_id, [column.policy for column in some],
            sampler=look.sampler, draw=look.draw, first=look.first, limit=ROWS,
        )
        for some in (columns, [one, other])
    )  # fmt: skip
    view = {
        "columns": columns, "all_columns": all_, "extent": extent, "rows": rows, "page_rows": ROWS,
        "one": one, "other": other, "two": two, "over": _chosen(two, look.prompt), "shown_width": shown_width,
    }  # fmt: skip
    return view, error


def _chosen(rows: Sequence[Row], prompt: int | None) -> Row | None:
    """The row of the prompt of this number; else the first of which both pictures are drawn."""
    whole = [row for row in rows if all(row.pictures)]
    return next((row for row in whole if row.number == prompt), whole[0] if whole else None)


def shown_width(picture: Picture, room: int) -> int:
    """How wide a picture is shown in so many CSS pixels: a small one at a whole multiple, so that its pixels are all
    alike."""
    return picture.width * max(1, room // picture.width)


def _chart(judge: JudgeScores) -> charts.Chart:
    """The judge's mean over each policy's pictures with its interval, a line for each sampler."""
    points: dict[str, list[Point]] = {}
    spreads: dict[str, list[Spread]] = {}
    for score in judge.policies:
        number, name = score.policy.number, score.sampler.value
        points.setdefault(name, []).append(Point(number, score.mean.mean))
        spreads.setdefault(name, []).append(Spread(number, score.mean.low, score.mean.high))
    lines = [(name, charts.thinned(found)) for name, found in points.items()]
    return charts.line_chart(lines, spreads={name: charts.thinned(found) for name, found in spreads.items()})


def _table(judge: JudgeScores) -> list[tuple[int, dict[str, PolicyScore]]]:
    """By number of the policy, the newest and the base, the newest first: its score for each sampler."""
    by_policy: dict[int, dict[str, PolicyScore]] = {}
    for score in judge.policies:
        by_policy.setdefault(score.policy.number, {})[score.sampler.value] = score
    newest_first = sorted(by_policy.items(), key=lambda item: -item[0])
    return newest_first if len(newest_first) <= IN_TABLE else [*newest_first[: IN_TABLE - 1], newest_first[-1]]


def _newest(judges: Sequence[JudgeScores]) -> list[tuple[JudgeScores, PolicyScore]]:
    """What each judge says of the newest policy that it scored as the study draws; none where that is the base."""
    last = [
        (judge, [score for score in judge.policies if score.difference and score.sampler is Sampler.STUDY])
        for judge in judges
    ]
    return [(judge, scores[-1]) for judge, scores in last if scores]


def _dots(ranked: Ranking) -> interval_chart.Dots:
    return interval_chart.dots([standing.strength for standing in ranked.standings])
