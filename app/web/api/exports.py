"""Exports: files made of a study's data by a job, downloaded when they are there."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.models import JobState
from app.services import export_formats, exports, studies
from app.services.export_source import Rounds
from app.services.exports import ExportLine
from app.web.api.answers import files, problems
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayTakeData
from app.web.api.shapes import IdempotencyKey
from app.web.deps import ArtifactsDep, SessionDep, SettingsDep
from app.web.downloads import download, plain_name
from app.web.ids import PathId

router = APIRouter(tags=["exports"])


class NewExport(Body):
    """What to write, and of which rounds."""

    model_config = ConfigDict(extra="forbid")

    format: str = Field(
        max_length=32, description=f"One of {', '.join(export_formats.FORMATS)}.", examples=["parquet", "pickapic"]
    )
    rounds: Rounds = Rounds.PREFERENCE


class ExportShape(BaseModel):
    """An export. Size, SHA-256, rows and `download` are there once it is done."""

    id: int
    study: int
    format: str
    rounds: Rounds
    state: JobState
    error: str | None
    done: int = Field(description="Pairs read so far, of `total`; a format may read all of them more than once.")
    total: int
    seconds_left: float | None = Field(description="An estimate; null while there is none.")
    size: int | None
    sha256: str | None
    rows: int | None
    download: str | None
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, line: ExportLine) -> "ExportShape":
        names = set(cls.model_fields) - {"study", "download"}
        there = line.key is not None
        return cls(
            study=line.study_id,
            download=f"/api/v1/exports/{line.id}/download" if there else None,
            **{name: getattr(line, name) for name in names},
        )


@router.post(
    "/studies/{study_id}/exports",
    operation_id="create_export",
    responses=problems(429),
    status_code=201,
    summary="Have a study's data written to a file",
)
def ask(
    study_id: int, body: NewExport, response: Response, session: SessionDep, settings: SettingsDep,
    user: MayTakeData, key: IdempotencyKey = None,
) -> ExportShape:  # fmt: skip
    """A worker of the queue `cpu` writes it. 429 while five of the study are at work."""
    made = exports.ask(
        session, study_id=study_id, format_name=body.format, rounds=body.rounds, secret=settings.secret(), actor=user,
        idempotency_key=key,
    )  # fmt: skip
    response.headers["Location"] = f"/api/v1/exports/{made.id}"
    return ExportShape.of(exports.get(session, made.id))


@router.get("/studies/{study_id}/exports", operation_id="list_exports", summary="A study's exports, newest first")
def index(
    study_id: int, session: SessionDep, user: MayTakeData, cursor: Cursor, limit: Limit = 50
) -> Page[ExportShape]:  # fmt: skip
    """With how far each is, and its file where it is done."""
    studies.get(session, study_id)
    found = exports.lines(session, study_id, before=cursor, limit=limit + 1)
    return page_of([ExportShape.of(line) for line in found], limit, lambda export: export.id)


@router.get("/exports/{export_id}", operation_id="get_export", summary="An export as it is now")
def show(export_id: PathId, session: SessionDep, user: MayTakeData) -> ExportShape:
    """`done` of `total`, then size, SHA-256 and where to download it."""
    return ExportShape.of(exports.get(session, export_id))


@router.get(
    "/exports/{export_id}/download",
    operation_id="download_export",
    summary="An export's file",
    response_class=Response,
    responses=files("application/octet-stream", "application/zip", ranges=True) | problems(409),
)
def file(
    request: Request, export_id: PathId, session: SessionDep, artifacts: ArtifactsDep, user: MayTakeData
) -> Response:  # fmt: skip
    """The ETag is the file's SHA-256; ranges are served, so a download that broke off goes on. 409 until then."""
    line = exports.get(session, export_id)
    key, size, sha256 = exports.file(line)
    return download(request, artifacts, key=key, size=size, sha256=sha256, name=_file_name(line))


@router.post("/exports/{export_id}/stop", operation_id="stop_export", summary="Call an export off")
def stop(export_id: PathId, session: SessionDep, user: MayTakeData) -> ExportShape:
    """What was written is removed. 409 where it is over."""
    exports.stop(session, export_id=export_id, actor=user)
    session.flush()
    return ExportShape.of(exports.get(session, export_id))


@router.delete(
    "/exports/{export_id}", operation_id="delete_export", status_code=204, summary="Remove an export and its file"
)
def remove(export_id: PathId, session: SessionDep, artifacts: ArtifactsDep, user: MayTakeData) -> None:
    """409 while it is written: stop it first."""
    exports.remove(session, artifacts, export_id=export_id, actor=user)


def _file_name(line: ExportLine) -> str:
    """Under which name a file is saved, unlike any other's: `demo-emoji-pickapic-12.zip`."""
    extension = export_formats.get(line.format).extension
    return f"{plain_name(line.study_name)}-{line.format}-{line.id}.{extension}"


@router.post(
    "/exports/{export_id}/again",
    operation_id="repeat_export",
    responses=problems(409),
    summary="Write an export anew that failed or was stopped",
)
def again(export_id: PathId, session: SessionDep, user: MayTakeData) -> ExportShape:
    """409 where it is at work or done."""
    exports.again(session, export_id=export_id, actor=user)
    session.flush()
    return ExportShape.of(exports.get(session, export_id))
