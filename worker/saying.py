"""What was logged as one plain message for people: no local variables, no folders of this machine, nothing secret."""

import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import app

MOST_FRAMES = 8
MOST_OF_A_VALUE = 500
APART = ("event", "level", "timestamp", "exc_info", "reason", "job", "kind", "attempt")  # said elsewhere, or last
SECRET = re.compile("secret|password|token|cookie|authorization", re.IGNORECASE)
FOLDERS = re.compile(r"(?<![\w.:/…])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\":,()]+[/\\])+")  # of an absolute path
CREDENTIALS = re.compile(r"://[^\s/@]+@")
OURS = Path(app.__file__).parents[1]


def message(event: Mapping[str, Any]) -> str:
    """The event's name as words, its values, its reason, and of an exception where it came from."""
    name = str(event.get("event", "")).replace("_", " ")
    words = " ".join(
        [name[:1].upper() + name[1:]]
        + [f"{key.replace('_', ' ')}={_value(key, value)}" for key, value in event.items() if key not in APART]
    )
    reason = f": {_plain(_first_line(event['reason']))}" if event.get("reason") else ""
    error = _error(event.get("exc_info"))
    return words + reason + (f"\n{trace(error)}" if error else "")


def trace(error: BaseException) -> str:
    """The last frames of a traceback, innermost last, and what the exception says."""
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    told = [
        f"  {_place(frame.filename)}:{frame.lineno} in {frame.name}\n    {frame.line or ''}".rstrip()
        for frame in frames
    ]
    said = _plain(_first_line(error))
    return "\n".join([*told, f"{type(error).__name__}: {said}" if said else type(error).__name__])


def _error(exc_info: Any) -> BaseException | None:
    """The exception that a line was logged with, in each of the forms that logging takes."""
    if isinstance(exc_info, tuple):
        return exc_info[1]
    return exc_info if isinstance(exc_info, BaseException) else sys.exception() if exc_info else None


def _value(key: str, value: Any) -> str:
    if SECRET.search(key):
        return "…"
    if isinstance(value, float):
        return f"{value:.4g}"
    said = _plain(str(value))
    return said if len(said) <= MOST_OF_A_VALUE else f"{said[:MOST_OF_A_VALUE]}…"


def _first_line(said: object) -> str:
    """What comes behind it in a database's error are the values that it was asked with."""
    return (str(said).strip().splitlines() or [""])[0]


def _plain(text: str) -> str:
    """The text without the folders of absolute paths and without names and passwords of addresses."""
    return FOLDERS.sub("…/", CREDENTIALS.sub("://…@", text))


def _place(filename: str) -> str:
    """A source file by its path inside its package."""
    path = Path(filename)
    if path.is_relative_to(OURS) and "site-packages" not in path.parts:
        return path.relative_to(OURS).as_posix()
    parts = path.parts
    return "/".join(parts[parts.index("site-packages") + 1 :] if "site-packages" in parts else parts[-2:])
