"""Lists by cursor: `{"items": [...], "next": "…"}`, where `next` asks for what follows and is null at the end."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from app.errors import BadInput

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(description="Give it as `cursor` to get what follows; null at the end.")


def read_cursor(cursor: Annotated[str | None, Query(max_length=64)] = None) -> int | None:
    """The number that the page before ended with; none for the first page. Raises `BadInput` on any other text."""
    if cursor is None:
        return None
    try:
        return int(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise BadInput("This cursor was not made here.", "Take `next` of the page before.") from error


Cursor = Annotated[int | None, Depends(read_cursor)]
Limit = Annotated[int, Query(ge=1, le=500, description="How many items a page holds at most.")]


def page_of(found: Sequence[T], limit: int, number: Callable[[T], int]) -> Page[T]:
    """A page of what was found when one more than `limit` was asked for; `number` is what the cursor goes by."""
    more = len(found) > limit
    items = list(found[:limit])
    return Page(items=items, next=cursor_of(number(items[-1])) if more else None)


def cursor_of(number: int) -> str:
    """The cursor of what follows `number`."""
    return urlsafe_b64encode(str(number).encode()).decode().rstrip("=")
