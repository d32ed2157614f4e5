"""The reader's time zone. Browsers know it and requests do not tell it, so `timezone.js` keeps it in a cookie; without
one, days are those of UTC."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from fastapi import Request

COOKIE = "tastemaker_timezone"
UTC = ZoneInfo("UTC")


def of(request: Request) -> ZoneInfo:
    name = request.cookies.get(COOKIE, "")
    return ZoneInfo(name) if name in _known() else UTC


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())
