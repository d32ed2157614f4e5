"""`/admin/rounds/{id}/log`: what workers said of a round, filtered and in pages, and the same as a text file."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session, sessionmaker

from app import db
from app.models import JobKind, LogLevel
from app.services import job_logs, round_views
from app.services.job_logs import Line, Wanted
from app.web.deps import RequireAdmin, SessionDep
from app.web.downloads import as_attachment, plain_name
from app.web.ids import MOST_ID
from app.web.templating import render

router = APIRouter(prefix="/admin/rounds/{round_id:int}")

PAGE = 100


def read_wanted(
    job: Annotated[str, Query(max_length=32)] = "", level: Annotated[str, Query(max_length=32)] = ""
) -> Wanted:  # fmt: skip
    """The filters in the address: a job's id or a kind of job, and a level. What is neither chooses nothing."""
    return Wanted(
        job=int(job) if job.isascii() and job.isdigit() and len(job) < 18 else None,
        kind=JobKind(job) if job in job_logs.OF_A_ROUND else None,
        level=LogLevel(level) if level in job_logs.LEVELS else None,
    )


WantedDep = Annotated[Wanted, Depends(read_wanted)]


@router.get("/log")
def index(
    request: Request, round_id: int, session: SessionDep, user: RequireAdmin, wanted: WantedDep,
    before: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
) -> Response:  # fmt: skip
    head = round_views.head(session, round_id)
    found = job_logs.lines(session, round_id, wanted, before=before, limit=PAGE + 1)
    return render(
        request,
        "rounds/log.html",
        round=head,
        lines=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        wanted=wanted,
        filters=_filters(wanted),
        most=job_logs.MOST_LINES,
    )


@router.get("/log.txt")
def download(
    request: Request, round_id: int, session: SessionDep, user: RequireAdmin, wanted: WantedDep
) -> Response:  # fmt: skip
    """All lines that fit, oldest first."""
    head = round_views.head(session, round_id)
    name = f"{plain_name(head.study_name)}-{head.line.kind}-{head.line.number}-log.txt"
    return StreamingResponse(
        _text(request.app.state.session_factory, round_id, wanted),
        media_type="text/plain; charset=utf-8",
        headers=as_attachment(name) | {"Cache-Control": "no-store"},
    )


def _filters(wanted: Wanted) -> str:
    given = {"job": wanted.job or wanted.kind, "level": wanted.level}
    return urlencode({name: value for name, value in given.items() if value})


def _text(factory: sessionmaker[Session], round_id: int, wanted: Wanted) -> Iterator[str]:
    """The lines in batches, a transaction for each: a reader that is slow holds none open."""
    after = 0
    while True:
        with db.transaction(factory) as session:
            batch = job_logs.oldest_first(session, round_id, wanted, after=after)
        if not batch:
            return
        yield "".join(_line(one) for one in batch)
        after = batch[-1].id


def _line(one: Line) -> str:
    """A line of the file; further ones of the same message, a traceback's, are indented below it."""
    job = f"{one.kind} {one.number}" if one.number else one.kind
    said = one.message.replace("\n", "\n    ")
    return f"{one.at.isoformat(timespec='milliseconds')} {one.level:7} {job} try {one.attempt} {one.worker}: {said}\n"
