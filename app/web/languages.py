"""The languages of the site: which there are, which one a request gets, and its words.

Catalogues are read from `locale/*/LC_MESSAGES/messages.po` as they are, once per process: nothing has to be compiled.
English is what the strings in templates and code say themselves. While a page is drawn its language is the one in
`_spoken`; a macro that is imported by a template knows no request, so an argument would not reach it.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request

from app.paths import LOCALE

SOURCE = "en"
CATALOGUE = "LC_MESSAGES/messages.po"


@cache
def available(folder: Path = LOCALE) -> Mapping[str, Locale]:
    """The languages that the site speaks, by code: English, and every one that has a catalogue."""
    codes = sorted(path.parents[1].name for path in folder.glob(f"*/{CATALOGUE}"))
    return {code: Locale.parse(code) for code in (SOURCE, *codes)}


def of(request: Request) -> Locale:
    """The language of a request: what its user prefers, else the browser's, else English."""
    identity = getattr(request.state, "identity", None)
    viewer = identity.viewer if identity else None
    preferred = [viewer.language] if viewer and viewer.language else []
    return chosen([*preferred, *accepted(request.headers.get("accept-language", ""))])


def chosen(wanted: list[str], folder: Path = LOCALE) -> Locale:
    """The first of the wanted languages that there is: `de-AT` takes `de`."""
    there = available(folder)
    code = negotiate_locale([tag.replace("-", "_") for tag in wanted], list(there))
    return there[code or SOURCE]


def accepted(header: str) -> list[str]:
    """The tags of an Accept-Language header, the most wanted first; what cannot be read is passed over."""
    weighed = [_weighed(part) for part in header.split(",")[:20]]
    ordered = sorted(((tag, weight) for tag, weight in weighed if weight > 0), key=lambda pair: -pair[1])
    return [tag for tag, _ in ordered if _is_tag(tag)]


@contextmanager
def speaking(locale: Locale) -> Iterator[None]:
    """Inside, `gettext` and the filters of `app.web.words` speak this language."""
    token = _spoken.set(locale)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> Locale:
    """The language that is spoken now; English where no page is being drawn."""
    return _spoken.get() or available()[SOURCE]


def gettext(message: str) -> str:
    return translations(str(spoken())).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    return translations(str(spoken())).ngettext(singular, plural, number)


@cache
def translations(code: str, folder: Path = LOCALE) -> NullTranslations:
    """The words of a language; of English its own."""
    path = folder / code / CATALOGUE
    if not path.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return GNUTranslations(compiled)


_spoken: ContextVar[Locale | None] = ContextVar("spoken", default=None)


def _weighed(part: str) -> tuple[str, float]:
    """One item of the header, `de-AT;q=0.8`, as tag and weight."""
    tag, _, parameter = part.strip().partition(";")
    try:
        return tag.strip(), float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
    except ValueError:
        return tag.strip(), 0.0


def _is_tag(tag: str) -> bool:
    try:
        Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return False
    return True
