"""Our own errors: each says what happened and what to do, and carries its HTTP status and problem type (RFC 9457).

Services raise them, `app.web` turns them into an answer in one place, the command line into a line and an exit code.
"""

# ruff: noqa: N818 - they are named by what is wrong, which is what a reader of `raise` wants to know

from typing import Any, ClassVar


class TastemakerError(Exception):
    """What happened (`message`), and what to do about it (`remedy`, may be empty).

    `details` holds figures for a program that reads the error; it must be JSON.
    """

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class BadInput(TastemakerError):
    """The caller's values cannot be used as they are. `fields` may name them: {"prompts": "is empty"}."""

    code, title, status, exit_code = "bad-input", "The input cannot be used", 422, 2

    def __init__(self, message: str, remedy: str = "", *, fields: dict[str, str] | None = None, **details: Any) -> None:
        super().__init__(message, remedy, **details)
        self.fields = fields or {}


class NotSignedIn(TastemakerError):
    """Nobody is signed in, or the token is unknown."""

    code, title, status, exit_code = "not-signed-in", "Please sign in", 401, 3


class Forbidden(TastemakerError):
    """The caller is known, and may not do this."""

    code, title, status, exit_code = "forbidden", "This is not allowed", 403, 3


class NotFound(TastemakerError):
    """The object does not exist, or the caller may not know that it does."""

    code, title, status, exit_code = "not-found", "Not found", 404, 4


class Conflict(TastemakerError):
    """The request does not fit what is already there: another choice stands, another round is open."""

    code, title, status, exit_code = "conflict", "This is in conflict with what is already there", 409, 5


class TooMany(TastemakerError):
    """Too many tries in a short time. `retry_after` says in how many seconds the next one is taken."""

    code, title, status, exit_code = "too-many", "Too many tries", 429, 3

    def __init__(self, message: str, remedy: str = "", *, retry_after: int) -> None:
        super().__init__(message, remedy, retry_after=retry_after)
        self.retry_after = retry_after


class Gone(TastemakerError):
    """It existed and is over: a one-time link that was used, a file that retention removed."""

    code, title, status, exit_code = "gone", "This is no longer there", 410, 4


class Refused(TastemakerError):
    """The input is sound, and a rule of the product forbids going on: other weights, a newer schema."""

    code, title, status, exit_code = "refused", "This was refused", 409, 5


class Unavailable(TastemakerError):
    """Something that we need does not answer or is not installed: database, broker, an extra."""

    code, title, status, exit_code = "unavailable", "A part is not available", 503, 7


class OutOfSpace(Unavailable):
    """The disk is full."""

    code, title, status = "out-of-space", "The disk is full", 507


class Damaged(TastemakerError):
    """A stored file is missing or its content is not what was written."""

    code, title, status, exit_code = "damaged", "A stored file is damaged", 500, 8


class ConfigurationError(TastemakerError):
    """The environment's settings cannot be used."""

    code, title, status, exit_code = "configuration", "The settings cannot be used", 500, 2
