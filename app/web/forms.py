"""Posted forms: their values as text, and errors that belong beside a field."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from app.errors import BadInput, Conflict


async def read_form(request: Request) -> AsyncIterator[FormData]:
    """The posted form; its uploaded files are closed when the route is through."""
    form = await request.form()
    yield form
    await form.close()


class Given(dict[str, str]):
    """What a form was given, by field; an empty text for what it was not."""

    def __missing__(self, name: str) -> str:
        return ""


PostedForm = Annotated[FormData, Depends(read_form)]


def values(form: FormData) -> dict[str, str]:
    """The form's texts by name, stripped; files are left out."""
    return {name: value.strip() for name, value in form.items() if isinstance(value, str)}


def secret(form: FormData, name: str) -> str:
    """A password as it was typed, blanks and all; empty where none was."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def faults(error: BadInput | Conflict, *, otherwise: str) -> dict[str, str]:
    """What is wrong by field, for the form; beside the field `otherwise` where the error names none."""
    fields = error.fields if isinstance(error, BadInput) else error.details.get("fields", {})
    return fields or {otherwise: str(error)}


def whole_number(text: str, *, field: str, low: int, high: int) -> int | None:
    """The number in a field, none where it is empty. Raises `BadInput` that names the field."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise BadInput(f"{text!r} is not a whole number from {low} to {high}.", fields={field: f"{low} to {high}"})
    return int(text)


@contextmanager
def beside(errors: dict[str, str], field: str) -> Iterator[None]:
    """Note what is wrong in `errors`, beside `field`, and go on: a form is to name all its faults at once."""
    try:
        yield
    except BadInput as error:
        errors[field] = str(error)
