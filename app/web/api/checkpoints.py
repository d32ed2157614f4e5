"""Checkpoints: listed, described, downloaded."""

import json
import os
import tempfile
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from app.services import checkpoint_folders, checkpoint_views, model_cards, provenance
from app.web.api.answers import files
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRead, MayTakeData
from app.web.api.shapes import CheckpointDetail, CheckpointShape
from app.web.deps import ArtifactsDep, SessionDep, SettingsDep
from app.web.downloads import as_attachment, checkpoint_file_name, download, plain_name

router = APIRouter(tags=["checkpoints"])

Form = Literal["diffusers", "kohya", "peft"]


@router.get("/checkpoints", operation_id="list_checkpoints", summary="Checkpoints, newest first")
def index(
    session: SessionDep, user: MayRead, cursor: Cursor, limit: Limit = 50,
    study: Annotated[int | None, Query(description="Only those of this study.")] = None,
    round: Annotated[int | None, Query(description="Only those of this round, by its id.")] = None,
    current: Annotated[bool, Query(description="Only those that their study goes on from.")] = False,
) -> Page[CheckpointShape]:  # fmt: skip
    """Of all studies, or of one study or round."""
    lines = checkpoint_views.lines(
        session, study_id=study, round_id=round, current=current, before=cursor, limit=limit + 1
    )  # fmt: skip
    return page_of([CheckpointShape.of(line) for line in lines], limit, lambda checkpoint: checkpoint.id)


@router.get(
    "/checkpoints/{checkpoint_id}", operation_id="get_checkpoint", summary="One checkpoint, with its whole provenance"
)
def show(checkpoint_id: int, session: SessionDep, user: MayRead) -> CheckpointDetail:
    """Its files with their SHA-256, judges' scores, settings, and what went into it."""
    page = checkpoint_views.page(session, checkpoint_id)
    return CheckpointDetail.of_page(page, checkpoint_views.scores(session, page.line.study_id))


@router.get(
    "/checkpoints/{checkpoint_id}/provenance",
    operation_id="get_checkpoint_provenance",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    summary="Where a checkpoint comes from, whole",
)
def origin(checkpoint_id: int, session: SessionDep, settings: SettingsDep, user: MayTakeData) -> Response:
    """Every choice that it was trained on (by pseudonym), each setting, seed, version and hash, and its ancestors, as
    one JSON file. `schema` names the document's form."""
    told = provenance.of_checkpoint(session, checkpoint_id, secret=settings.secret())
    page = checkpoint_views.page(session, checkpoint_id)
    return Response(
        json.dumps(told, ensure_ascii=False, indent=1), media_type="application/json",
        headers=as_attachment(f"{plain_name(page.line.study_name)}-{page.line.number}-provenance.json"),
    )  # fmt: skip


@router.get(
    "/checkpoints/{checkpoint_id}/card",
    operation_id="get_checkpoint_card",
    summary="Its model card",
    response_class=Response,
    responses=files("text/markdown", text=True),
)
def card(checkpoint_id: int, session: SessionDep, settings: SettingsDep, user: MayRead) -> Response:
    """Markdown in the conventions of the Hugging Face hub: how to use it, pictures, results, data and settings, as they
    stand now."""
    told = model_cards.facts(session, checkpoint_id, secret=settings.secret())
    name = f"{plain_name(told.page.line.study_name)}-{told.page.line.number}-README.md"
    return Response(model_cards.text(told), media_type="text/markdown; charset=utf-8", headers=as_attachment(name))


@router.get(
    "/checkpoints/{checkpoint_id}/folder",
    operation_id="download_checkpoint_folder",
    response_class=Response,
    responses=files("application/zip"),
    summary="The LoRA with its card, pictures and provenance",
)
def folder(
    checkpoint_id: int, session: SessionDep, settings: SettingsDep, artifacts: ArtifactsDep, user: MayRead,
    format: Form = "diffusers",
) -> Response:  # fmt: skip
    """A zip of the folder that the Hugging Face hub and `load_lora_weights` take: `README.md` is the model card."""
    line = checkpoint_views.page(session, checkpoint_id).line
    members = checkpoint_folders.members(session, artifacts, checkpoint_id, format, secret=settings.secret())
    handle, path = tempfile.mkstemp(suffix=".zip")
    try:
        with open(handle, "wb") as target:
            checkpoint_folders.write_zip(target, members)
    except BaseException:
        os.unlink(path)
        raise
    name = f"{plain_name(line.study_name)}-{line.number}-{format}-folder.zip"
    return FileResponse(
        path, headers=as_attachment(name), media_type="application/zip", background=BackgroundTask(os.unlink, path)
    )  # fmt: skip


@router.get(
    "/checkpoints/{checkpoint_id}/download",
    operation_id="download_checkpoint",
    response_class=Response,
    responses=files("application/octet-stream", "application/zip", ranges=True),
    summary="The LoRA as a file",
)
def file(
    request: Request, checkpoint_id: int, session: SessionDep, artifacts: ArtifactsDep, user: MayRead,
    format: Form = "diffusers",
) -> Response:  # fmt: skip
    """The ETag is the file's SHA-256; ranges are served, so a download that broke off goes on."""
    page = checkpoint_views.page(session, checkpoint_id)
    stored = checkpoint_views.file(session, checkpoint_id, format)
    return download(
        request, artifacts, key=stored.key, size=stored.size, sha256=stored.sha256,
        name=checkpoint_file_name(page.line, stored),
    )  # fmt: skip
