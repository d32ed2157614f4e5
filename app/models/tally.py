"""Tallies: what was said in each round, counted by the sweep, so that pages need not read every choice."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Json


class RoundTally(Base):
    """When a round's choices were last counted (`app.services.tallies`), and how far people agree in it.

    `patterns` tells how people's answers are spread over the pairs that two or more answered: of each spread
    ("2,1,0,0": two first, one second, no tie, no both_bad) on how many pairs. `is_stale` asks for the next count;
    `took_ms` is how long counting took: the longer, the rarer it is done.
    """

    __tablename__ = "round_tallies"

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True, autoincrement=False)
    patterns: Mapped[Json] = mapped_column(default=dict)
    is_stale: Mapped[bool] = mapped_column(default=True)
    took_ms: Mapped[int] = mapped_column(default=0)
    counted_at: Mapped[CreatedAt]


class AnnotatorTally(Base):
    """What one person (or judge) said in one round; choices that stand. Every figure can be added up over rounds.

    `standing` are all choices. Of the counted ones: `choices` and how many of each answer; `extra` and `late`; `sided`
    named a picture, `on_left` the left one of both. `gold` and `repeats` are answers without skips, `right` those that
    were known so, `same` and `same_side` those that repeat picture or side. `gaps` are steps from one answer to the
    next without a break, in `gap_seconds`. `compared` pairs others answered too; `agreed` adds up the shares of these
    others who said the same.
    """

    __tablename__ = "annotator_tallies"
    __table_args__ = (
        Index("ix_annotator_tallies_study", "study_id", "user_id", "round_id"),
        Index("ix_annotator_tallies_user", "user_id"),
    )

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    standing: Mapped[int] = mapped_column(default=0)
    choices: Mapped[int] = mapped_column(default=0)
    first: Mapped[int] = mapped_column(default=0)
    second: Mapped[int] = mapped_column(default=0)
    tie: Mapped[int] = mapped_column(default=0)
    both_bad: Mapped[int] = mapped_column(default=0)
    skip: Mapped[int] = mapped_column(default=0)
    extra: Mapped[int] = mapped_column(default=0)
    late: Mapped[int] = mapped_column(default=0)
    sided: Mapped[int] = mapped_column(default=0)
    on_left: Mapped[int] = mapped_column(default=0)
    gold: Mapped[int] = mapped_column(default=0)
    right: Mapped[int] = mapped_column(default=0)
    repeats: Mapped[int] = mapped_column(default=0)
    same: Mapped[int] = mapped_column(default=0)
    same_side: Mapped[int] = mapped_column(default=0)
    gaps: Mapped[int] = mapped_column(default=0)
    gap_seconds: Mapped[float] = mapped_column(default=0.0)
    compared: Mapped[int] = mapped_column(default=0)
    agreed: Mapped[float] = mapped_column(default=0.0)
    last_at: Mapped[datetime | None]


class AnnotatorSpread(Base):
    """What cannot be added up of one person in one round, beside their tally.

    `times` are their newest response times in milliseconds, oldest first. `beside` tells what stands beside their own
    answers: of each ("first|2,0,1,0": they said first, of the others two first and one a tie) on how many pairs.
    """

    __tablename__ = "annotator_spreads"

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    times: Mapped[list[Any]] = mapped_column(default=list)
    beside: Mapped[Json] = mapped_column(default=dict)


class PromptTally(Base):
    """What was said of one prompt's pairs in one round, by whose choices count. Every figure can be added up.

    `drawn` groups; `answers` without `skips`, of them `ties` and `both_bad`. Of every two answers on one pair, in
    either order, `twos` counts all and `alike` those that are the same. In a comparison `wins` are for the newer
    policy's picture, of `decided` answers that named one.
    """

    __tablename__ = "prompt_tallies"
    __table_args__ = (Index("ix_prompt_tallies_study", "study_id", "round_id"),)

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True, autoincrement=False)
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"), primary_key=True, autoincrement=False)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    drawn: Mapped[int] = mapped_column(default=0)
    answers: Mapped[int] = mapped_column(default=0)
    ties: Mapped[int] = mapped_column(default=0)
    both_bad: Mapped[int] = mapped_column(default=0)
    skips: Mapped[int] = mapped_column(default=0)
    twos: Mapped[int] = mapped_column(default=0)
    alike: Mapped[int] = mapped_column(default=0)
    wins: Mapped[int] = mapped_column(default=0)
    decided: Mapped[int] = mapped_column(default=0)
