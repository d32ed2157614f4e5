"""Metrics as TensorBoard's event files."""

import os
import tempfile
from collections.abc import Callable
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from app.services import event_files, round_views, studies, training_runs, training_views
from app.web.api.answers import files
from app.web.api.scoped import MayRead
from app.web.deps import SessionDep
from app.web.downloads import as_attachment, plain_name
from app.web.ids import MOST_ID, PathId

router = APIRouter(tags=["rounds"])


@router.get(
    "/rounds/{round_id}/metrics/events", operation_id="download_metrics_events", response_class=Response,
    summary="Metrics of a training run as a TensorBoard event file", responses=files("application/octet-stream"),
)  # fmt: skip
def of_run(
    round_id: PathId, session: SessionDep, user: MayRead,
    run: Annotated[
        int | None, Query(ge=1, le=MOST_ID, description="The run's number in its round; without, the newest.")
    ] = None,
) -> Response:  # fmt: skip
    """Every optimizer step with its time, written from what is stored: whole after a resume. 404 before the first."""
    line = training_views.run_of_round(session, round_id, run)
    found = round_views.head(session, round_id).line
    name = event_files.file_name(training_runs.get(session, line.id))
    study = plain_name(studies.get(session, found.study_id).name)

    def write(target: BinaryIO) -> None:
        target.writelines(event_files.of_run(session, line.id))

    return _written(write, f"{name}.{study}-{found.number}-{line.number}", "application/octet-stream")


@router.get(
    "/studies/{study_id}/metrics/events", operation_id="download_study_events", response_class=Response,
    summary="Metrics of all training runs as a folder for TensorBoard", responses=files("application/zip"),
)  # fmt: skip
def of_study(study_id: PathId, session: SessionDep, user: MayRead) -> Response:
    """A zip with a folder for each run: unpack it, then `tensorboard --logdir` reads it. 404 before the first run."""
    name = f"{plain_name(studies.get(session, study_id).name)}-tensorboard.zip"

    def write(target: BinaryIO) -> None:
        event_files.write_folder(session, study_id, target)

    return _written(write, name, "application/zip")


def _written(write: Callable[[BinaryIO], None], name: str, media_type: str) -> Response:
    """What is written, from a temporary file that goes once it is sent."""
    handle, path = tempfile.mkstemp()
    try:
        with open(handle, "wb") as target:
            write(target)
    except BaseException:
        os.unlink(path)
        raise
    return FileResponse(
        path, headers=as_attachment(name), media_type=media_type, background=BackgroundTask(os.unlink, path)
    )  # fmt: skip
