"""What operations answer beside their own shape, as the description tells it: problems, and files."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Answers = dict[int | str, dict[str, Any]]

PROBLEM = "application/problem+json"
PROBLEMS = {
    401: "Nobody is signed in, or the token is unknown, revoked or over.",
    403: "The caller's role or the token's scopes do not allow this, or a cookie came without its CSRF token.",
    404: "There is no such thing, or the caller may not know of it.",
    409: "It does not fit what is there already, or a rule of the product forbids it.",
    410: "It was there and is no longer kept.",
    422: "The input cannot be used as it is; `fields` names what is wrong.",
    429: "Too often in a short time; `Retry-After` says in how many seconds to come back.",
    503: "A part that this needs is not available.",
}


class Problem(BaseModel):
    """What went wrong (RFC 9457), and what to do about it. Some problems carry further figures beside these."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`/problems/` and the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="What happened, in a sentence.")
    remedy: str = Field(description="What to do about it; may be empty.")
    fields: dict[str, str] | None = Field(None, description="What is wrong, by field, where input cannot be used.")


def problems(*statuses: int) -> Answers:
    """Problems that an operation may answer beside those that every one may (`description`)."""
    return {status: {"description": PROBLEMS[status]} for status in statuses}


def files(*media_types: str, ranges: bool = False, text: bool = False) -> Answers:
    """An operation that answers with a file; with `ranges` also with parts of it, and by its ETag not at all."""
    schema: dict[str, Any] = {"type": "string"} if text else {"type": "string", "format": "binary"}
    content = {media_type: {"schema": schema} for media_type in media_types}
    answers: Answers = {200: {"description": "The file.", "content": content}}
    if ranges:
        answers |= {
            206: {"description": "The part that `Range` asks for.", "content": content},
            304: {"description": "The caller has it: `If-None-Match` names its ETag."},
            416: {"description": "`Range` lies outside the file; `Content-Range` says how large it is."},
        }
    return answers
