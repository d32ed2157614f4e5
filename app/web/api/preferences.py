"""Preference data as a download: one pair a line, however many there are."""

from collections.abc import Iterator
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy.orm import Session, sessionmaker
from starlette.background import BackgroundTask

from app import db
from app.models import RoundKind
from app.services import preference_export, studies
from app.services.preference_export import PreferenceRow
from app.web.deps import RequireResearcher, SessionDep
from app.web.preference_files import as_csv, as_jsonl, as_parquet

router = APIRouter(tags=["preferences"])


@router.get("/studies/{study_id}/preferences", summary="What people said of each pair", response_class=Response)
def export(
    request: Request, study_id: int, session: SessionDep, user: RequireResearcher,
    format: Literal["jsonl", "csv", "parquet"] = "jsonl",
    kind: Literal["preference", "evaluation", "all"] = "preference",
) -> Response:  # fmt: skip
    """Every pair that anyone has answered, with the probability p that `first` is better and the counts behind it.

    `kind` names the rounds: those that a model learns from, the blind comparisons, or both. JSON lines also hold each
    choice. Pictures are at `/samples/{id}/image`. Parquet needs pyarrow on the site.
    """
    studies.get(session, study_id)
    kinds = tuple(RoundKind) if kind == "all" else (RoundKind(kind),)
    rows = _rows(request.app.state.session_factory, study_id, kinds)
    headers = {"Content-Disposition": f'attachment; filename="study-{study_id}-preferences.{format}"'}
    if format == "jsonl":
        return StreamingResponse(as_jsonl(rows), headers=headers, media_type="application/jsonl")
    if format == "csv":
        return StreamingResponse(as_csv(rows), headers=headers, media_type="text/csv; charset=utf-8")
    path = as_parquet(rows)
    media_type = "application/vnd.apache.parquet"
    return FileResponse(path, headers=headers, media_type=media_type, background=BackgroundTask(path.unlink))


def _rows(
    factory: sessionmaker[Session], study_id: int, kinds: tuple[RoundKind, ...]
) -> Iterator[PreferenceRow]:  # fmt: skip
    """All rows of these kinds of rounds, a transaction for each batch: a reader that is slow holds none open."""
    after = 0
    while True:
        with db.transaction(factory) as session:
            batch = preference_export.rows(session, study_id, kinds=kinds, after=after)
        if not batch:
            return
        yield from batch
        after = batch[-1].pair
