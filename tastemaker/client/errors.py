"""What can go wrong when a site is asked. The site's own answers carry its words: what happened, and what to do."""

# ruff: noqa: N818 - named by what is wrong, like the site's own errors

from typing import Any


class TastemakerError(Exception):
    """Anything that this client raises."""


class Unreachable(TastemakerError):
    """No answer came: nothing listens there, or the connection broke. Calls that are safe to repeat were repeated."""


class Unreadable(TastemakerError):
    """An answer that is not this API's: something else listens there, or the site is of another version."""


class Damaged(TastemakerError):
    """A downloaded file is not the one that the site described; nothing was left in its place."""


class ExportFailed(TastemakerError):
    """The site could not write an export, or it was called off."""


class PushFailed(TastemakerError):
    """The site could not push a checkpoint to the hub, or it was called off."""


class ImportFailed(TastemakerError):
    """The site could not import what it was given, or it was called off: what is read stays, and it can go on."""


class ScoringFailed(TastemakerError):
    """A judge could not score all its pictures, or it was called off: its scores stay, and it can go on."""


class Refused(TastemakerError):
    """The site's answer to what it will not or cannot do (RFC 9457).

    `detail` says what happened, `remedy` what to do about it (may be empty), `fields` why which value cannot be used;
    `problem` is the whole answer.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.detail = str(problem.get("detail") or problem.get("title") or f"The site answered {status}.")
        self.remedy = str(problem.get("remedy") or "")
        self.fields: dict[str, str] = dict(problem.get("fields") or {})
        super().__init__(f"{self.detail} {self.remedy}".strip())


class BadInput(Refused):
    """422: values that cannot be used."""


class NotSignedIn(Refused):
    """401: no token, or one that is unknown or over."""


class Forbidden(Refused):
    """403: the token's owner may not do this, or the token was not given the right to."""


class NotFound(Refused):
    """404: it does not exist, or the caller may not know that it does."""


class Conflict(Refused):
    """409: it does not fit what is already there, such as another round that is open."""


class Gone(Refused):
    """410: it existed and is over, such as a trajectory that is no longer kept."""


class TooMany(Refused):
    """429: too much at once. `retry_after` is in seconds."""

    @property
    def retry_after(self) -> float:
        return float(self.problem.get("retry_after") or 0)


class SiteFault(Refused):
    """5xx: a fault on the site's side, or a part of it that does not answer."""


_BY_STATUS: dict[int, type[Refused]] = {
    401: NotSignedIn, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone, 422: BadInput, 429: TooMany,
}  # fmt: skip


def refusal(status: int, problem: dict[str, Any]) -> Refused:
    """The error that an answer stands for."""
    return _BY_STATUS.get(status, SiteFault if status >= 500 else Refused)(status, problem)
