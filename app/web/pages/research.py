"""`/research`: checkpoints, where each came from, what it changed, and its files."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, field_validator
from sqlalchemy.orm import Session

from app.models import Sampler
from app.services import (
    checkpoint_comparison,
    checkpoint_views,
    evaluation_views,
    model_cards,
    provenance,
    pushes,
    round_views,
    study_views,
)
from app.services.checkpoint_comparison import Two
from app.services.checkpoint_views import CheckpointLine, PolicyScores
from app.services.evaluation_views import Row
from app.services.training_views import Point
from app.settings import Settings
from app.web import charts, lineage
from app.web.deps import RequireResearcher, SessionDep, SettingsDep
from app.web.downloads import checkpoint_file_name
from app.web.forms import Given
from app.web.htmx import render_live
from app.web.ids import MOST_ID
from app.web.lineage import Lineage
from app.web.round_parts import LOG_2
from app.web.templating import render

router = APIRouter(prefix="/research")

PAGE = 100
IN_LINEAGE = 200  # checkpoints, the newest
TELLERS = 50
PROMPTS = 24
PUSHES = 10


class Wanted(BaseModel):
    """Which checkpoints are listed: of which study, of which number their round has, whether only current ones."""

    study: int | None = Field(None, ge=1, le=MOST_ID)
    round: int | None = Field(None, ge=1, le=MOST_ID)
    current: bool = False
    before: int | None = Field(None, ge=1, le=MOST_ID)

    @field_validator("study", "round", "before", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        """What a form sends of a field that was left empty."""
        return None if value == "" else value

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out within a study."""
        return self.round is not None or self.current

    def query(self, **changes: Any) -> str:
        """The query of this list with some of it changed."""
        return urlencode(
            Wanted.model_validate(self.model_dump() | changes).model_dump(mode="json", exclude_defaults=True)
        )


@router.get("")
@router.get("/", include_in_schema=False)
def index(
    request: Request, session: SessionDep, user: RequireResearcher, wanted: Annotated[Wanted, Query()]
) -> Response:
    """Checkpoints by study, newest first; with `study`, of that one alone, and how they came from each other."""
    if wanted.study is not None:
        study_views.card(session, wanted.study)
    found = checkpoint_views.lines(
        session, study_id=wanted.study, round_number=wanted.round, current=wanted.current, before=wanted.before,
        limit=PAGE + 1,
    )  # fmt: skip
    by_study: dict[tuple[int, str], list[CheckpointLine]] = {}
    for line in found[:PAGE]:
        by_study.setdefault((line.study_id, line.study_name), []).append(line)
    numbers = {0, *(line.number for line in found)}
    policies = checkpoint_views.scores(session, *(study_id for study_id, _ in by_study), numbers=numbers)
    return render(
        request,
        "research/list.html",
        by_study=by_study,
        scores={(policy.study_id, policy.number): policy.scores for policy in policies},
        wanted=wanted,
        lineage=_lineage(session, wanted.study) if wanted.study is not None else None,
        older=wanted.query(before=found[PAGE - 1].id) if len(found) > PAGE else None,
    )


@router.get("/checkpoints/{checkpoint_id}")
def show(
    request: Request, checkpoint_id: int, session: SessionDep, settings: SettingsDep, user: RequireResearcher,
    sampler: Sampler = Sampler.STUDY, draw: int = 0,
) -> Response:  # fmt: skip
    """The checkpoint's page; for htmx, its pictures alone."""
    return checkpoint_page(request, session, settings, checkpoint_id, sampler=sampler, draw=draw)


def checkpoint_page(
    request: Request, session: Session, settings: Settings, checkpoint_id: int, *, sampler: Sampler = Sampler.STUDY,
    draw: int = 0, given: Given | None = None, fault: str = "",
) -> Response:  # fmt: skip
    """The page as it is answered with; `given` and `fault` are of a push that could not be asked for."""
    shown = checkpoint_views.page(session, checkpoint_id)
    study_id = shown.line.study_id
    policies = evaluation_views.lineage(session, checkpoint_id)
    rows = evaluation_views.rows(session, study_id, policies, sampler=sampler, draw=draw)
    names = {file.format: checkpoint_file_name(shown.line, file) for file in shown.files}
    prompt = rows[0].prompt if rows else "a picture"
    return render_live(
        request,
        "checkpoints/checkpoint.html",
        "checkpoints/_pictures.html",
        checkpoint=shown,
        policies=policies,
        rows=rows,
        sampler=sampler,
        draw=draw,
        draws=evaluation_views.draws(session, study_id),
        names=names,
        score_charts=_score_charts(checkpoint_views.scores(session, study_id)),
        code=model_cards.diffusers_code(shown, prompt, names.get("diffusers", "lora.safetensors")),
        lineage=_lineage(session, study_id, here=checkpoint_id),
        others=[one for one in study_views.checkpoint_options(session, study_id) if one.id != checkpoint_id],
        tellers=provenance.tellers(session, checkpoint_id, secret=settings.secret()),
        most_tellers=TELLERS,
        **pushed(session, settings, checkpoint_id, given, fault),
    )


def pushed(
    session: Session, settings: Settings, checkpoint_id: int, given: Given | None = None, fault: str = ""
) -> dict[str, Any]:
    """What the part of the page on the hub shows."""
    lines = pushes.lines(session, checkpoint_id, limit=PUSHES)
    pushing = any(line.is_at_work for line in lines)
    return {
        "pushes": lines,
        "pushing": pushing,
        "has_hub": settings.has_hub,
        "workers": round_views.workers(session) if pushing else None,
        "given": given or Given(repo=pushes.last_repo(session, checkpoint_id)),
        "fault": fault,
    }


@router.get("/compare")
def compare(
    request: Request, session: SessionDep, user: RequireResearcher, one: int, other: int,
    sampler: Sampler = Sampler.STUDY, draw: Annotated[int, Query(ge=0, le=10_000)] = 0,
) -> Response:  # fmt: skip
    """Two checkpoints side by side."""
    two = checkpoint_comparison.of(session, one, other)
    study_id = two.pages[0].line.study_id
    rows: list[Row] = []
    if two.same_study:
        rows = evaluation_views.rows(session, study_id, two.policies, sampler=sampler, draw=draw, limit=PROMPTS)
    return render(
        request,
        "checkpoints/compare.html",
        two=two,
        curves=_curves_over_each_other(two),
        rows=rows,
        sampler=sampler,
        draw=draw,
        draws=evaluation_views.draws(session, study_id) if two.same_study else 0,
        options=[study_views.checkpoint_options(session, page.line.study_id) for page in two.pages],
    )


def _curves_over_each_other(two: Two) -> dict[str, charts.Chart]:
    """Each curve of both runs in one chart, the first in the first ink."""
    axes: dict[str, dict[str, Any]] = {
        "loss": {"guide": LOG_2}, "accuracy": {"guide": 0.5, "floor": 0, "ceiling": 1}, "margin": {"guide": 0},
        "kl_base": {"floor": 0}, "clamped_pairs": {"floor": 0, "ceiling": 1}, "grad_norm": {"floor": 0},
    }  # fmt: skip
    return {
        name: charts.line_chart(
            [("one", two.curves[0][name]), ("other", two.curves[1][name])], smooth=name != "kl_base", **axis
        )
        for name, axis in axes.items()
    }


def _lineage(session: Session, study_id: int, here: int | None = None) -> Lineage:
    return lineage.draw(checkpoint_views.lines(session, study_id=study_id, limit=IN_LINEAGE), here)


def _score_charts(scores: list[PolicyScores]) -> dict[str, charts.Chart]:
    """One chart per judge: its mean over each policy's evaluation pictures, a line for each sampler."""
    lines: dict[str, dict[str, list[Point]]] = {}
    for policy in scores:
        for score in policy.scores:
            points = lines.setdefault(score.judge, {}).setdefault(score.sampler.value, [])
            points.append(Point(policy.number, score.mean))
    return {
        judge: charts.line_chart([(name, charts.thinned(points)) for name, points in by_sampler.items()])
        for judge, by_sampler in lines.items()
    }
