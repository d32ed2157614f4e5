"""Imports: preference data made elsewhere, as a study of its own."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.models import JobState, User
from app.models.base import Json
from app.services import import_formats, imports
from app.services.import_formats import Found
from app.services.imports import MOST_NAME, QUESTION, ImportLine
from app.web import import_files
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRunStudies
from app.web.api.shapes import Shape
from app.web.deps import ArtifactsDep, SessionDep, SettingsDep
from app.web.ids import MOST_ID, PathId

router = APIRouter(tags=["imports"])

MOST_QUESTION = 500
NAME = "What its study is called."
ASKED = "What its people were asked."
MODEL = "Id of the study's base model; the newest that is registered unless said."
LEAVE_OUT = "Leave out rows that cannot be used, and count them; else the first ends it before anything is stored."


class NewImport(Body):
    """What lies in the data folder's `imports`, and what becomes of it."""

    model_config = ConfigDict(extra="forbid")

    place: str = Field(max_length=255, description="Its `name` among the places.", examples=["hands"])
    name: str = Field(min_length=1, max_length=MOST_NAME, description=NAME, examples=["Hands, by the paper's people"])
    question: str = Field(QUESTION, max_length=MOST_QUESTION, description=ASKED)
    base_model: int | None = Field(None, ge=1, le=MOST_ID, description=MODEL)
    leave_out_bad: bool = Field(False, description=LEAVE_OUT)


class PlaceShape(Shape):
    """Something in the data folder's `imports`: a Parquet file, a folder of them, or a folder of the paper's code."""

    name: str
    format: Literal["pick-a-pic", "paper"]
    size: int = Field(description="Of its files, in bytes.")

    @classmethod
    def of(cls, found: Found) -> "PlaceShape":
        return cls.model_validate(found)


class ImportShape(BaseModel):
    """An import. `study` and `round` are there once every row is checked and the first ones are being stored."""

    id: int
    format: Literal["pick-a-pic", "paper"]
    name: str
    state: JobState | None = Field(description="Of the job that reads it; null where the command line does.")
    error: str | None
    done: int = Field(description="Of `total`: bytes while it looks at the files, then rows.")
    total: int
    seconds_left: float | None = Field(description="An estimate; null while there is none.")
    rows: int = Field(description="How many it has; 0 until they are counted.")
    rows_read: int
    left_out: dict[str, int] = Field(description="Rows that were not used, by why.")
    study: int | None
    round: int | None
    pairs: int
    choices: int
    created_at: datetime
    ended_at: datetime | None = Field(description="When all was read, or it was ended with what was.")

    @classmethod
    def of(cls, line: ImportLine) -> "ImportShape":
        names = set(cls.model_fields) - {"study", "round", "rows_read"}
        facts: dict[str, Any] = {name: getattr(line, name) for name in names}
        return cls(study=line.study_id, round=line.round_id, rows_read=line.position, **facts)


@router.get("/import-places", operation_id="list_import_places", summary="What in the data folder can be imported")
def places(settings: SettingsDep, user: MayRunStudies) -> list[PlaceShape]:
    """By name. What is put into the folder `imports` of the data folder, on every machine that imports, is one."""
    return [PlaceShape.of(found) for found in import_formats.listed(settings.data_dir)]


@router.post("/imports", operation_id="create_import", status_code=201, summary="Import what lies in the data folder")
def ask(
    body: NewImport, response: Response, session: SessionDep, settings: SettingsDep, user: MayRunStudies
) -> ImportShape:
    """A worker of the queue `cpu` checks every row, then makes the study and stores one slice after another. The same
    files under the same name are one import, however often they are asked for: the second fails and says so."""
    format_name, source = import_files.in_folder(settings.data_dir, body.place)
    return _asked(
        session, response, user, format_name, source, name=body.name, question=body.question,
        base_model=body.base_model, leave_out_bad=body.leave_out_bad,
    )  # fmt: skip


@router.post(
    "/import-files", operation_id="upload_import", status_code=201, summary="Upload Parquet files and import them"
)
def upload(
    files: list[UploadFile], response: Response, session: SessionDep, artifacts: ArtifactsDep, user: MayRunStudies,
    name: Annotated[str, Form(min_length=1, max_length=MOST_NAME, description=NAME)],
    question: Annotated[str, Form(max_length=MOST_QUESTION, description=ASKED)] = QUESTION,
    base_model: Annotated[int | None, Form(ge=1, le=MOST_ID, description=MODEL)] = None,
    leave_out_bad: Annotated[bool, Form(description=LEAVE_OUT)] = False,
) -> ImportShape:  # fmt: skip
    """Pick-a-Pic's columns, in up to 20 files of 2 GB together. They are kept until they are read."""
    with import_files.stored(files, artifacts) as (format_name, source):
        return _asked(
            session, response, user, format_name, source, name=name, question=question, base_model=base_model,
            leave_out_bad=leave_out_bad,
        )  # fmt: skip


@router.get("/imports", operation_id="list_imports", summary="All imports, newest first")
def index(session: SessionDep, user: MayRunStudies, cursor: Cursor, limit: Limit = 50) -> Page[ImportShape]:
    """Those of the command line too, with how far each is."""
    found = imports.lines(session, before=cursor, limit=limit + 1)
    return page_of([ImportShape.of(line) for line in found], limit, lambda one: one.id)


@router.get("/imports/{import_id}", operation_id="get_import", summary="An import as it is now")
def show(import_id: PathId, session: SessionDep, user: MayRunStudies) -> ImportShape:
    """`rows_read` of `rows`, the study that it makes, and what was wrong where it failed."""
    return ImportShape.of(imports.line(session, import_id))


@router.post("/imports/{import_id}/stop", operation_id="stop_import", summary="Stop an import", responses=problems(409))
def stop(import_id: PathId, session: SessionDep, user: MayRunStudies) -> ImportShape:
    """What is read stays, and it can go on. 409 where no worker is at it."""
    imports.stop(session, import_id=import_id, actor=user)
    return _now(session, import_id)


@router.post(
    "/imports/{import_id}/again", operation_id="resume_import", summary="Let an import go on", responses=problems(409)
)
def again(import_id: PathId, session: SessionDep, user: MayRunStudies) -> ImportShape:
    """One that failed or was stopped; nothing is read twice. 409 for any other."""
    imports.again(session, import_id=import_id, actor=user)
    return _now(session, import_id)


@router.post(
    "/imports/{import_id}/end",
    operation_id="end_import",
    summary="End an import with what is read",
    responses=problems(409),
)
def end(import_id: PathId, session: SessionDep, artifacts: ArtifactsDep, user: MayRunStudies) -> ImportShape:
    """Its round is complete with that. 409 while a worker is at it, where nothing is read, and where it has ended."""
    imports.end_here(session, artifacts, import_id=import_id, actor=user)
    return _now(session, import_id)


@router.delete(
    "/imports/{import_id}", operation_id="delete_import", status_code=204, responses=problems(409),
    summary="Remove an import that has made no study",
)  # fmt: skip
def remove(import_id: PathId, session: SessionDep, artifacts: ArtifactsDep, user: MayRunStudies) -> None:
    """Uploaded files go with it. 409 while a worker is at it, and where it has made a study: archive that instead."""
    imports.remove(session, artifacts, import_id=import_id, actor=user)


def _asked(
    session: Session, response: Response, user: User, format_name: str, source: Json, *, name: str, question: str,
    base_model: int | None, leave_out_bad: bool,
) -> ImportShape:  # fmt: skip
    made = imports.ask(
        session, format_name=format_name, name=name, question=question, base_model_id=base_model,
        source={**source, "leave_out_bad": leave_out_bad}, actor=user,
    )  # fmt: skip
    response.headers["Location"] = f"/api/v1/imports/{made.id}"
    return ImportShape.of(imports.line(session, made.id))


def _now(session: Session, import_id: int) -> ImportShape:
    session.flush()
    return ImportShape.of(imports.line(session, import_id))
