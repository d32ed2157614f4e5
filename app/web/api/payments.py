"""The payments sheet: choices and minutes by person and day."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, WithJsonSchema

from app.services import payments
from app.web.api.paging import Cursor, cursor_of
from app.web.api.scoped import MayManagePeople
from app.web.api.shapes import Shape
from app.web.deps import SessionDep
from app.web.payment_form import AskedDep

router = APIRouter(tags=["people"])

PEOPLE = 200
Exact = Annotated[Decimal, WithJsonSchema({"type": "string", "format": "decimal"})]  # money is never a float


class PaymentShape(Shape):
    """One person's day. Time is the gaps between answers; one of more than five minutes is a break."""

    user_id: int
    name: str
    participant: str = Field(description="The id by which an outside panel knows them.")
    day: date
    choices: int = Field(description="Answers that stand, without skips; warm-ups, tests and repeats are among them.")
    counted: int = Field(description="Of these, what speaks for its pair.")
    skipped: int
    pairs: int
    minutes: Exact = Field(description="Active time, to two decimals.")
    amount: Exact = Field(description="What choices and minutes come to at the rates that were given, per line.")


class PaymentTotals(Shape):
    people: int
    choices: int
    counted: int
    minutes: Exact
    amount: Exact


class Sheet(BaseModel):
    """A part of the sheet, by person and day; `totals` are of all of it."""

    items: list[PaymentShape]
    next: str | None = Field(description="Give it as `cursor` to get what follows; null at the end.")
    totals: PaymentTotals


@router.get("/payments", operation_id="get_payments", summary="Choices and minutes by person and day")
def sheet(session: SessionDep, user: MayManagePeople, asked: AskedDep, cursor: Cursor) -> Sheet:
    """From `since` to `until` (days, both included) as `zone` has them (by itself this month, in UTC), of one `study`
    or of all; at `per_choice` and `per_hour`, if these are given. A person's days are never torn apart."""
    wanted = asked.wanted()
    payments.check(session, wanted)
    lines, more = payments.lines(session, wanted, after=cursor or 0, people=PEOPLE)
    return Sheet(
        items=[PaymentShape.model_validate(line) for line in lines],
        next=cursor_of(more) if more else None,
        totals=PaymentTotals.model_validate(payments.totals(session, wanted)),
    )
