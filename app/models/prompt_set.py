"""Prompt sets and their prompts."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, words


class Split(StrEnum):
    TRAIN = "train"
    EVAL = "eval"
    BOTH = "both"


class PromptSet(Base):
    """A named list of prompts. A set in use never changes: an edit makes the next version."""

    __tablename__ = "prompt_sets"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[CreatedAt]


class Prompt(Base):
    """One prompt of a set. `number` counts from 0 in the list's order, and is part of the evaluation noise's key.

    `weight` says how often a pass through the train prompts visits it, beside the others' weights.
    """

    __tablename__ = "prompts"
    __table_args__ = (
        UniqueConstraint("prompt_set_id", "number"),
        CheckConstraint("weight BETWEEN 1 AND 100", name="weight_within_bounds"),
    )

    id: Mapped[Id]
    prompt_set_id: Mapped[int] = mapped_column(ForeignKey("prompt_sets.id"))
    number: Mapped[int]
    text: Mapped[str]
    split: Mapped[Split] = mapped_column(words(Split, "split"))
    weight: Mapped[int] = mapped_column(default=1)
