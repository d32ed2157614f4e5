"""`/admin/log`: the audit log, filtered and in pages, and the same as a CSV file."""

import json
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session, sessionmaker

from app import db
from app.services import audit, study_views
from app.services.audit import Wanted
from app.web import csv_files
from app.web.deps import RequireAdmin, SessionDep
from app.web.templating import render

router = APIRouter(prefix="/admin/log")

PAGE = 100
COLUMNS = ("id", "at", "actor", "what", "object_type", "object_id", "study_id", "study", "round_id", "details")


def read_wanted(
    who: Annotated[str, Query(max_length=200)] = "", kind: Annotated[str, Query(max_length=64)] = "", study: str = ""
) -> Wanted:
    """The filters in the address; a study that is no number is none."""
    return Wanted(who.strip(), kind, int(study) if study.isascii() and study.isdigit() and len(study) < 18 else None)


WantedDep = Annotated[Wanted, Depends(read_wanted)]


@router.get("")
def index(
    request: Request, session: SessionDep, user: RequireAdmin, wanted: WantedDep,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:  # fmt: skip
    found = audit.lines(session, wanted, before=before, limit=PAGE + 1)
    return render(
        request,
        "log/log.html",
        lines=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        wanted=wanted,
        filters=_filters(wanted),
        kinds=audit.kinds(session),
        studies=[(card.id, card.name) for card in study_views.cards(session)],
    )


@router.get("/events.csv")
def download(request: Request, user: RequireAdmin, wanted: WantedDep) -> Response:
    """All events that fit, oldest first."""
    return StreamingResponse(
        _csv(request.app.state.session_factory, wanted),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="events.csv"', "Cache-Control": "no-store"},
    )


def _filters(wanted: Wanted) -> str:
    given = {"who": wanted.who, "kind": wanted.kind, "study": wanted.study}
    return urlencode({name: value for name, value in given.items() if value})


def _csv(factory: sessionmaker[Session], wanted: Wanted) -> Iterator[str]:
    """A header and one line an event, a transaction for each batch: a reader that is slow holds none open."""
    yield csv_files.line(COLUMNS)
    after = 0
    while True:
        with db.transaction(factory) as session:
            batch = audit.oldest_first(session, wanted, after=after)
        if not batch:
            return
        for event in batch:
            details = json.dumps(event.details, ensure_ascii=False) if event.details else ""
            values = {
                **{name: getattr(event, name) for name in COLUMNS},
                "at": event.at.isoformat(),
                "details": details,
            }
            yield csv_files.line(csv_files.safe(values[name]) for name in COLUMNS)
        after = batch[-1].id
