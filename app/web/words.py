"""Figures as people read them, in the language that is spoken; templates have each as a filter of its name."""

import math
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Protocol, TypeVar

from babel import Locale
from babel.numbers import format_decimal, format_percent, get_decimal_symbol
from markupsafe import Markup

from app.web import charts, languages
from app.web.languages import gettext as _

DASH = "–"


class NumberedPolicy(Protocol):
    """The base, whose number is 0, or a checkpoint, which a round made."""

    @property
    def number(self) -> int: ...

    @property
    def round_number(self) -> int | None: ...


P = TypeVar("P", bound=NumberedPolicy)


def duration(seconds: float | None) -> str:
    """A time span in its two largest units: `45 s`, `3 min`, `1 h 20 min`, `2 d 3 h`."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    second, minute, hour, day = _("s"), _("min"), _("h"), _("d")
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} {second}"
    if whole < 3600:
        return f"{whole // 60} {minute}"
    if whole < 86_400:
        return _two(whole // 3600, hour, whole % 3600 // 60, minute)
    return _two(whole // 86_400, day, whole % 86_400 // 3600, hour)


def between(start: datetime | None, end: datetime | None) -> str:
    """How long it took from `start` to `end`; a dash where either is not known."""
    return duration((end - start).total_seconds()) if start and end else DASH


def file_size(size: int) -> str:
    """A size in bytes with a decimal prefix: `812 B`, `34.2 kB`, `1.7 GB`."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{_local(f'{value:.3g}')} {unit}"


def percent(share: float | None) -> str:
    return DASH if share is None or not math.isfinite(share) else _percent(round(share, 4), languages.spoken())


def count(value: int) -> str:
    """A whole number with its thousands apart: `12,345`."""
    return _count(value, languages.spoken())


def number(value: float | None) -> str:
    """A measured number in at most about six characters."""
    return DASH if value is None or not math.isfinite(value) else short(value)


def short(value: float, digits: int = 4) -> str:
    """`charts.short` with the language's decimal sign."""
    return _local(charts.short(value, digits))


def spans(numbers: Iterable[int]) -> str:
    """Whole numbers with neighbours drawn together: `0, 3–5, 9`."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][-1] + 1:
            found[-1] = [found[-1][0], number]
        else:
            found.append([number])
    return ", ".join("–".join(map(str, ends)) for ends in found)


def money(value: Decimal) -> str:
    """An exact number with two decimals, its thousands apart: `1,234.50`."""
    return format_decimal(value, format="#,##0.00", locale=languages.spoken())


def moment(at: datetime | None) -> Markup | str:
    """A <time> element: the moment in UTC, which `times.js` turns into the reader's own words ("3 minutes ago")."""
    if at is None:
        return DASH
    text = f"{at:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(at.isoformat(), text, text)


def policy_names(policies: Iterable[P]) -> list[tuple[P, str]]:
    """Each policy with what it is called where one is chosen. A list has thousands, so the words are looked up once."""
    base, checkpoint = _("The base model"), _("Checkpoint %(number)s (round %(round)s)")
    return [
        (policy, checkpoint % {"number": policy.number, "round": policy.round_number} if policy.number else base)
        for policy in policies
    ]


# a table has hundreds of them, and Babel takes its time over each
@lru_cache(maxsize=20_000)
def _percent(share: float, language: Locale) -> str:
    return format_percent(share, locale=language)


@lru_cache(maxsize=20_000)
def _count(value: int, language: Locale) -> str:
    return format_decimal(value, locale=language)


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"


def _local(text: str) -> str:
    return text.replace(".", get_decimal_symbol(languages.spoken()))


FILTERS = {
    function.__name__: function
    for function in (duration, between, file_size, percent, count, number, money, moment, short, spans, policy_names)
}
