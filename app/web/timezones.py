"""The reader's time zone. Browsers know it and requests do not tell it, so `timezone.js` keeps it in a cookie; without
one, days are those of UTC."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from fastapi import Request

COOKIE = "tastemaker_timezone"
UTC = ZoneInfo("UTC")


def of(request: Request) -> ZoneInfo:
    return named(request.cookies.get(COOKIE, "")) or UTC


def named(name: str) -> ZoneInfo | None:
    """The time zone of this name, none where there is none."""
    return ZoneInfo(name) if name in _known() else None


def names() -> list[str]:
    """All time zones that a place has, for a list to choose from."""
    return sorted(name for name in _known() if "/" in name and not name.startswith("Etc/"))


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())
