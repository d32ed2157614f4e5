"""Lists by cursor: `{"items": [...], "next": "…"}`, where `next` asks for what follows and is null at the end."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(description="Give it as `cursor` to get what follows; null at the end.")


def read_cursor(
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$", description="`next` of the page before.")] = None,
) -> int | None:
    """The number that the page before ended with; none for the first page."""
    return None if cursor is None else int(cursor)


Cursor = Annotated[int | None, Depends(read_cursor)]
Limit = Annotated[int, Query(ge=1, le=500, description="How many items a page holds at most.")]


def page_of(found: Sequence[T], limit: int, number: Callable[[T], int]) -> Page[T]:
    """A page of what was found when one more than `limit` was asked for; `number` is what the cursor goes by."""
    more = len(found) > limit
    items = list(found[:limit])
    return Page(items=items, next=cursor_of(number(items[-1])) if more else None)


def cursor_of(number: int) -> str:
    """The cursor of what follows `number`. A text, so that nobody counts on what it holds."""
    return str(number)
