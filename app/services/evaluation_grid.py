"""The evaluation pictures round by round: which policies stand in the columns, and how large the set is. Read-only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Group, Sampler
from app.services import study_views
from app.services.evaluation_views import Policy

COLUMNS = 6  # shown where nobody chose: the base, and as many checkpoints as stand beside it on a desk
MOST_COLUMNS = 12
ROWS = 24


class Which(StrEnum):
    """Which checkpoints stand beside the base where there are more than fit."""

    NEWEST = "newest"
    SPREAD = "spread"


@dataclass(frozen=True)
class Column:
    """A policy with the number of the round that made it; none for the base."""

    policy: Policy
    round_number: int | None

    @property
    def number(self) -> int:
        return self.policy.number


@dataclass(frozen=True)
class Extent:
    """How many prompts the study's evaluation set has, and how many draws of each."""

    prompts: int
    draws: int


def columns(session: Session, study_id: int) -> list[Column]:
    """The base, and all checkpoints of the study from the first to the newest. One query."""
    options = study_views.checkpoint_options(session, study_id)
    return [Column(Policy(None, 0), None), *(Column(Policy(o.id, o.number), o.round_number) for o in options[::-1])]


def extent(session: Session, study_id: int) -> Extent:
    prompts, most = session.execute(
        select(func.count(func.distinct(Group.prompt_id)), func.max(Group.draw)).where(
            Group.study_id == study_id, Group.round_id.is_(None), Group.sampler == Sampler.STUDY
        )
    ).one()
    return Extent(prompts, 0 if most is None else most + 1)


def pick(all_: Sequence[Column], which: Which) -> list[Column]:
    """The base and the newest checkpoints, or some from the first to the newest at even distances."""
    base, rest = all_[0], all_[1:]
    room = COLUMNS - 1
    if len(rest) <= room:
        return list(all_)
    if which is Which.NEWEST:
        return [base, *rest[-room:]]
    return [base, *(rest[round(i * (len(rest) - 1) / (room - 1))] for i in range(room))]


def named(all_: Sequence[Column], text: str) -> list[Column]:
    """The policies whose numbers stand in `text`, apart by spaces or commas, 0 for the base, in their own order.

    Raises `BadInput` where it names none, too many, or one that the study does not have."""
    numbers = [part for part in re.split(r"[\s,;]+", text) if part]
    remedy = f"Give up to {MOST_COLUMNS} numbers of checkpoints, such as 0 3 7; 0 is the base."
    by_number = {str(column.number): column for column in all_}
    unknown = [number for number in numbers if number not in by_number]
    if unknown:
        newest = all_[-1].number
        raise BadInput(f"This study has no checkpoint {unknown[0][:20]}; its newest is {newest}.", remedy)
    found = {by_number[number].number: by_number[number] for number in numbers}
    if not 0 < len(found) <= MOST_COLUMNS:
        raise BadInput(f"{len(found)} checkpoints cannot stand side by side.", remedy)
    return [found[number] for number in sorted(found)]


def one(all_: Sequence[Column], number: int | None, default: Column) -> Column:
    """The policy of this number. Raises `BadInput` where the study has none."""
    if number is None:
        return default
    return named(all_, str(number))[0]
