"""Checkpoints: listed, described, downloaded."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from app.services import checkpoint_views
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.shapes import CheckpointDetail, CheckpointShape
from app.web.deps import ArtifactsDep, RequireResearcher, SessionDep
from app.web.downloads import checkpoint_file_name, download

router = APIRouter(tags=["checkpoints"])


@router.get("/checkpoints", summary="Checkpoints, newest first")
def index(
    session: SessionDep, user: RequireResearcher, cursor: Cursor, limit: Limit = 50,
    study: Annotated[int | None, Query(description="Only those of this study.")] = None,
) -> Page[CheckpointShape]:  # fmt: skip
    lines = checkpoint_views.lines(session, study_id=study, before=cursor, limit=limit + 1)
    return page_of([CheckpointShape.of(line) for line in lines], limit, lambda checkpoint: checkpoint.id)


@router.get("/checkpoints/{checkpoint_id}", summary="One checkpoint, with its whole provenance")
def show(checkpoint_id: int, session: SessionDep, user: RequireResearcher) -> CheckpointDetail:
    page = checkpoint_views.page(session, checkpoint_id)
    return CheckpointDetail.of_page(page, checkpoint_views.scores(session, page.line.study_id))


@router.get("/checkpoints/{checkpoint_id}/download", summary="The LoRA as a file")
def file(
    request: Request, checkpoint_id: int, session: SessionDep, artifacts: ArtifactsDep, user: RequireResearcher,
    format: Literal["diffusers", "kohya", "peft"] = "diffusers",
) -> Response:  # fmt: skip
    """The ETag is the file's SHA-256; ranges are served, so a download that broke off goes on."""
    page = checkpoint_views.page(session, checkpoint_id)
    stored = checkpoint_views.file(session, checkpoint_id, format)
    return download(
        request, artifacts, key=stored.key, size=stored.size, sha256=stored.sha256,
        name=checkpoint_file_name(page.line, stored),
    )  # fmt: skip
