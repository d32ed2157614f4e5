"""The payments sheet: choices and minutes by person and day, and what they come to. For admins.

Minutes and amounts are decimal numbers, as the site counts them: nothing of them is lost on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain

from tastemaker.client.http import Http
from tastemaker.client.reading import read

Rate = Decimal | int | str


@dataclass(frozen=True)
class Payment:
    """One person's day. `choices` stand and are no skips, `counted` of them speak for their pairs; `participant` is
    the id by which an outside panel knows the person."""

    user_id: int
    name: str
    participant: str
    day: date
    choices: int
    counted: int
    skipped: int
    pairs: int
    minutes: Decimal
    amount: Decimal


@dataclass(frozen=True)
class PaymentTotals:
    """All lines of a sheet together."""

    people: int
    choices: int
    counted: int
    minutes: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Sheet:
    """A sheet: what it comes to, and its lines by person and day, to be gone through once; further ones are asked for
    as they are needed."""

    totals: PaymentTotals
    lines: Iterator[Payment]


class Payments:
    """`client.payments`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def sheet(
        self, *, since: date | None = None, until: date | None = None, zone: str | None = None,
        study: int | None = None, per_choice: Rate | None = None, per_hour: Rate | None = None,
    ) -> Sheet:  # fmt: skip
        """From `since` to `until`, both included, by itself this month: days as `zone` (`Europe/Berlin`) has them, by
        itself UTC. Of one study or of all, at these rates."""
        asked = {"since": since, "until": until, "zone": zone, "per_choice": per_choice, "per_hour": per_hour}
        texts = {name: str(value) for name, value in asked.items() if value is not None}
        pages = self._http.whole_pages("/payments", study=study, **texts)
        first = next(pages)
        lines = (read(Payment, line) for page in chain([first], pages) for line in page["items"])
        return Sheet(read(PaymentTotals, first["totals"]), lines)
