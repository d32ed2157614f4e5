"""Warnings in the reader's language: what a kind of trouble says, with its figures as people read them."""

from collections.abc import Callable, Mapping
from typing import Any

from app.services.troubles import Unit, said
from app.services.warning_views import WarningLine
from app.web import words
from app.web.languages import gettext as _

WRITES: Mapping[Unit, Callable[[Any], str]] = {
    Unit.NUMBER: words.number,
    Unit.SHARE: words.percent,
    Unit.COUNT: words.count,
    Unit.TIMES: lambda value: f"×\N{NO-BREAK SPACE}{words.number(value)}",
    Unit.WORD: str,
}


def warning_title(line: WarningLine) -> str:
    return _(line.trouble.title)


def warning_says(line: WarningLine) -> str:
    """What was found, in a sentence or two."""
    return said(_(line.trouble.says), line.figures, line.trouble.units, WRITES)


def warning_helps(line: WarningLine) -> str:
    """What helps."""
    return _(line.trouble.helps)


FILTERS = {function.__name__: function for function in (warning_title, warning_says, warning_helps)}
