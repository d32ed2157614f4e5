"""Preference data as a download: one pair a line, or one answer a line, however many there are."""

from functools import partial
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from app import db
from app.services import export_formats, export_source
from app.services.export_source import Rounds, Source
from app.services.export_writers import require_pyarrow
from app.web.api.answers import files
from app.web.api.scoped import MayTakeData
from app.web.deps import ArtifactsDep, SessionDep, SettingsDep
from app.web.downloads import as_attachment

router = APIRouter(tags=["preferences"])

MEDIA_TYPES = {
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


@router.get(
    "/studies/{study_id}/preferences",
    operation_id="get_preferences",
    summary="What people said of each pair",
    response_class=Response,
    responses=files(*MEDIA_TYPES.values()),
)
def export(
    request: Request, study_id: int, session: SessionDep, settings: SettingsDep, artifacts: ArtifactsDep,
    user: MayTakeData, format: Literal["jsonl", "csv", "parquet"] = "jsonl",
    kind: Rounds = Rounds.PREFERENCE, table: Literal["preferences", "choices"] = "preferences",
) -> Response:  # fmt: skip
    """Every pair that anyone has answered, with the probability p that `first` is better and the counts behind it; or,
    with `table=choices`, every answer with all that is known of it. Annotators are pseudonyms.

    `kind` names the rounds: those that a model learns from, the blind comparisons, or both. A pair's line of JSON also
    holds its answers. Pictures are at `/samples/{id}/image`, or in the formats of `POST /studies/{id}/exports`. Parquet
    needs pyarrow on the site. The answer streams as it is read: for many pairs ask for an export, whose download can be
    resumed.
    """
    about = export_source.about(session, study_id)
    if format == "parquet":
        require_pyarrow()
    chosen = export_formats.get(format if table == "preferences" else f"{table}-{format}")
    transactions = partial(db.transaction, request.app.state.session_factory)
    source = Source(transactions, artifacts, about, kind, secret=settings.secret())
    (file,) = chosen.files(source)
    headers = as_attachment(f"study-{study_id}-{table}.{format}")
    return StreamingResponse(file.blocks, headers=headers, media_type=MEDIA_TYPES[format])
