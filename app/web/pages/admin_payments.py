"""`/admin/payments`: choices and minutes by person and day, what that comes to, and the same as a CSV file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session, sessionmaker

from app import db
from app.errors import BadInput
from app.services import payments, studies
from app.services.payments import Line, Totals, Wanted
from app.web import csv_files, forms, timezones
from app.web.deps import RequireAdmin, SessionDep
from app.web.downloads import as_attachment
from app.web.forms import Given
from app.web.payment_form import Asked, AskedDep
from app.web.templating import render

router = APIRouter(prefix="/admin/payments")

PEOPLE_A_PAGE = 50
BATCH = 200
COLUMNS = (
    "day", "user", "name", "participant", "choices", "counted", "skipped", "pairs", "minutes", "amount",
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One person's days on the sheet, with what they come to."""

    user_id: int
    name: str
    participant: str
    days: Sequence[Line]

    def sum(self, name: str) -> Any:
        return sum(getattr(line, name) for line in self.days)


@router.get("")
def show(
    request: Request, session: SessionDep, user: RequireAdmin, asked: AskedDep,
    after: Annotated[int, Query(ge=0)] = 0,
) -> Response:  # fmt: skip
    try:
        wanted = asked.wanted()
        payments.check(session, wanted)
    except BadInput as error:
        return _page(request, session, asked, error=error)
    lines, more = payments.lines(session, wanted, after=after, people=PEOPLE_A_PAGE)
    return _page(request, session, asked, wanted=wanted, people=_by_person(lines), more=more, first=after == 0)


@router.get("/payments.csv")
def download(request: Request, session: SessionDep, user: RequireAdmin, asked: AskedDep) -> Response:
    """The whole sheet, a line for each person and day."""
    wanted = asked.wanted()
    payments.check(session, wanted)
    return StreamingResponse(
        _csv(request.app.state.session_factory, wanted),
        media_type="text/csv; charset=utf-8",
        headers={
            "Cache-Control": "no-store",
            **as_attachment(f"payments-{wanted.since:%Y-%m-%d}-{wanted.until:%Y-%m-%d}.csv"),
        },
    )


def _csv(factory: sessionmaker[Session], wanted: Wanted) -> Iterator[str]:
    """A header, then some people's lines a transaction: a reader that is slow holds none open."""
    yield csv_files.line(COLUMNS)
    after: int | None = 0
    while after is not None:
        with db.transaction(factory) as session:
            lines, after = payments.lines(session, wanted, after=after, people=BATCH)
        for line in lines:
            amount = line.amount if wanted.is_paid else None
            yield csv_files.line(
                csv_files.safe(value)
                for value in (
                    line.day.isoformat(), line.user_id, line.name, line.participant, line.choices, line.counted,
                    line.skipped, line.pairs, line.minutes, amount,
                )
            )  # fmt: skip


def _by_person(lines: Sequence[Line]) -> list[Person]:
    people = []
    for user_id, days in groupby(lines, lambda line: line.user_id):
        own = list(days)
        people.append(Person(user_id, own[0].name, own[0].participant, own))
    return people


def _page(
    request: Request, session: Session, asked: Asked, *, wanted: Wanted | None = None, people: Sequence[Person] = (),
    more: int | None = None, first: bool = True, error: BadInput | None = None,
) -> Response:  # fmt: skip
    totals: Totals | None = payments.totals(session, wanted) if wanted and first else None
    return render(
        request,
        "people/payments.html",
        status=error.status if error else 200,
        given=asked.given,
        errors=Given(forms.faults(error, otherwise="until") if error else {}),
        query=asked.query,
        zones=timezones.names(),
        studies=[(study.id, study.name) for study in studies.every(session, archived=True)],
        is_paid=wanted is not None and wanted.is_paid,
        people=people,
        more=more,
        totals=totals,
    )
