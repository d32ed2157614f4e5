"""Ids as addresses, forms and bodies carry them: what the database can hold."""

from typing import Annotated

from fastapi import Path

MOST_ID = 2**63 - 1  # a bigint

PathId = Annotated[int, Path(ge=1, le=MOST_ID)]
