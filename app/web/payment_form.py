"""What the payments sheet is asked for, as its page's form and its addresses carry it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request

from app.errors import BadInput
from app.services.payments import Wanted
from app.web import timezones
from app.web.forms import Given

Text = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True)
class Asked:
    """The texts of the form by field, as they were given or stand by themselves."""

    given: Given

    @property
    def query(self) -> str:
        """The same as the query of an address."""
        return urlencode({name: value for name, value in self.given.items() if value})

    def wanted(self) -> Wanted:
        """What is asked for. Raises `BadInput` that names the fields that cannot be read."""
        faults: dict[str, str] = {}
        since, until = (_day(self.given, name, faults) for name in ("since", "until"))
        zone = timezones.named(self.given["zone"])
        if zone is None:
            faults["zone"] = "a name such as Europe/Berlin"
        study = self.given["study"]
        if study and not (study.isascii() and study.isdigit() and len(study) < 18):
            faults["study"] = "a study's number"
        rates = [_rate(self.given, name, faults) for name in ("per_choice", "per_hour")]
        if faults:
            named = "; ".join(f"{name}: {problem}" for name, problem in faults.items())
            raise BadInput(f"This sheet cannot be made. {named}.", fields=faults)
        assert since is not None
        assert until is not None
        assert zone is not None
        return Wanted(since, until, zone, int(study) if study else None, *rates)


def read_asked(
    request: Request, since: Text = "", until: Text = "", zone: Text = "", study: Text = "", per_choice: Text = "",
    per_hour: Text = "",
) -> Asked:  # fmt: skip
    """What was asked for; by itself this month up to today, in the reader's own time zone."""
    zone = zone.strip() or timezones.of(request).key
    today = datetime.now(timezones.named(zone) or timezones.UTC).date()
    return Asked(
        Given(
            since=since.strip() or today.replace(day=1).isoformat(),
            until=until.strip() or today.isoformat(),
            zone=zone,
            study=study.strip(),
            per_choice=per_choice.strip(),
            per_hour=per_hour.strip(),
        )
    )


AskedDep = Annotated[Asked, Depends(read_asked)]


def _day(given: Given, name: str, faults: dict[str, str]) -> date | None:
    try:
        return date.fromisoformat(given[name])
    except ValueError:
        faults[name] = "a day such as 2026-11-30"
        return None


def _rate(given: Given, name: str, faults: dict[str, str]) -> Decimal:
    """An amount of money, with a point or a comma; none is nothing."""
    try:
        value = Decimal(given[name].replace(",", ".") or 0)
    except InvalidOperation:
        value = Decimal("NaN")
    if value.is_finite():
        return value
    faults[name] = "a number such as 0.05"
    return Decimal(0)
