"""`/research`: checkpoints, where each came from, what it changed, and its files."""

import json
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.models import Sampler
from app.services import checkpoint_views, evaluation_views, study_views
from app.services.checkpoint_views import CheckpointLine, CheckpointPage, PolicyScores
from app.services.training_views import Point
from app.web import charts
from app.web.deps import RequireResearcher, SessionDep
from app.web.downloads import checkpoint_file_name
from app.web.htmx import render_live
from app.web.templating import render

router = APIRouter(prefix="/research")

PAGE = 100


@router.get("")
@router.get("/", include_in_schema=False)
def index(
    request: Request, session: SessionDep, user: RequireResearcher, study: int | None = None,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:  # fmt: skip
    """Checkpoints by study, newest first; with `study`, of that one alone."""
    if study is not None:
        study_views.card(session, study)
    found = checkpoint_views.lines(session, study_id=study, before=before, limit=PAGE + 1)
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
        only=study,
        older=found[PAGE - 1].id if len(found) > PAGE else None,
    )


@router.get("/checkpoints/{checkpoint_id}")
def show(
    request: Request, checkpoint_id: int, session: SessionDep, user: RequireResearcher,
    sampler: Sampler = Sampler.STUDY, draw: int = 0,
) -> Response:  # fmt: skip
    """The checkpoint's page; for htmx, its pictures alone."""
    shown = checkpoint_views.page(session, checkpoint_id)
    study_id = shown.line.study_id
    policies = evaluation_views.lineage(session, checkpoint_id)
    rows = evaluation_views.rows(session, study_id, policies, sampler=sampler, draw=draw)
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
        names={file.format: checkpoint_file_name(shown.line, file) for file in shown.files},
        score_charts=_score_charts(checkpoint_views.scores(session, study_id)),
        code=diffusers_code(shown, rows[0].prompt if rows else "a picture"),
    )


def diffusers_code(shown: CheckpointPage, prompt: str) -> str:
    """Five lines that draw with the downloaded LoRA, as the study draws."""
    quoted = partial(json.dumps, ensure_ascii=False)
    pipeline = "StableDiffusionXLPipeline" if shown.model.family == "sdxl" else "StableDiffusionPipeline"
    revision = f', revision="{shown.model.revision}"' if shown.model.revision else ""
    file = next(
        (checkpoint_file_name(shown.line, f) for f in shown.files if f.format == "diffusers"), "lora.safetensors"
    )
    steps, guidance = shown.sampling["steps"], shown.sampling["guidance"]
    return "\n".join(
        (
            f"from diffusers import {pipeline}",
            f"pipe = {pipeline}.from_pretrained({quoted(shown.model.source)}{revision})",
            f"pipe.load_lora_weights({quoted(file)})",
            f"image = pipe({quoted(prompt)}, num_inference_steps={steps}, guidance_scale={guidance:g}).images[0]",
            'image.save("picture.png")',
        )
    )


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
