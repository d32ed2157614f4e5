"""What every table shares: the metadata with its naming convention, and the column types used again and again."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    DateTime,
    Enum,
    Identity,
    MetaData,
    any_,
    bindparam,
    func,
    literal,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Json = dict[str, Any]
Id = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]


class Base(DeclarativeBase):
    """The one declarative base. Relationships, where there are any, are `lazy="raise"`: a query says what it loads."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy's own interface
        datetime: DateTime(timezone=True),
        int: BigInteger,
        Json: JSONB,
        list[Any]: JSONB,
    }


def words(enum: type[StrEnum], name: str) -> Enum:
    """A column of an enum's words, as text with a named CHECK, so that a new word is a plain migration."""
    return Enum(
        enum,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def is_one_of(column: str, *members: StrEnum) -> str:
    """The SQL condition of a partial index: the column holds one of these words."""
    return f"{column} IN ({', '.join(repr(member.value) for member in members)})"


def fixed(value: Any, column: Any) -> BindParameter[Any]:
    """A value written into the statement itself, so that a plan which is kept can use the partial index for it."""
    return literal(value, column.type, literal_execute=True)


def ids(name: str) -> BindParameter[Any]:
    """A parameter that takes a list of ids as one array: the statement is the same however many there are."""
    return bindparam(name, type_=ARRAY(BigInteger))


def among(column: Any, values: Collection[int]) -> ColumnElement[bool]:
    """Whether the column is one of these ids, as one array: a statement takes some 32,000 parameters, a set may be
    larger."""
    result: ColumnElement[bool] = column == any_(literal(list(values), ARRAY(BigInteger)))
    return result
