"""JSON into the dataclasses of `shapes`. Fields that this version does not know are left out: sites may say more."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from tastemaker.client.errors import Unreadable

Shape = TypeVar("Shape")

# what JSON writes as a text
TEXTS: dict[Any, Callable[[str], Any]] = {datetime: datetime.fromisoformat, date: date.fromisoformat, Decimal: Decimal}


def read(shape: type[Shape], value: Any) -> Shape:
    """`value` as the dataclass `shape`. Raises `Unreadable` where it is something else."""
    if not isinstance(value, dict):
        raise Unreadable(f"The site answered something else than a {shape.__name__}: {str(value)[:200]!r}.")
    hints = _hints(cast(Any, shape))
    lacking = [name for name, hint in hints.items() if name not in value and type(None) not in get_args(hint)]
    if lacking:
        raise Unreadable(
            f"The site's answer lacks {', '.join(lacking)} of a {shape.__name__}. Client and site are of different "
            "versions: install the client that belongs to the site."
        )
    return shape(**{name: _as(hint, value.get(name)) for name, hint in hints.items()})


@cache
def _hints(shape: Any) -> dict[str, Any]:
    known = get_type_hints(shape)
    return {field.name: known[field.name] for field in fields(shape)}


def _as(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is list:
        return [_as(get_args(hint)[0], one) for one in value]
    if hint in TEXTS:
        return TEXTS[hint](value)
    if is_dataclass(hint):
        return read(cast(type[Any], hint), value)
    return value
