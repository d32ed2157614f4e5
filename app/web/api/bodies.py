"""What requests' bodies have in common."""

from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema

STRICT = {"int", "float", "bool"}


def _make_strict(part: Any) -> None:
    """Words, enums, dates and the like stay as they are: JSON has only texts for them."""
    if isinstance(part, dict):
        if part.get("type") in STRICT:
            part["strict"] = True
        for inner in part.values():
            _make_strict(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            _make_strict(inner)


class Body(BaseModel):
    """A request's body. A number is a number and a switch a switch, never a text or a number that looks like one:
    what the description forbids is not taken."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _make_strict(schema)
        return schema
