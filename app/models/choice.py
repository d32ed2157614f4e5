"""Leases and choices: what was shown to whom, and what they said."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, words


class Purpose(StrEnum):
    COUNTED = "counted"
    WARM_UP = "warm_up"
    GOLD = "gold"
    REPEAT = "repeat"


class Answer(StrEnum):
    """One annotator's answer on one pair; `first` and `second` mean the pair's own order, never the screen side."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    BOTH_BAD = "both_bad"
    SKIP = "skip"


class Lease(Base):
    """One showing of one pair to one annotator.

    A counted lease holds a place of its pair while `expires_at` lies ahead; running out is a comparison in the query,
    never a clean-up. An answer ends it, giving it back ends it at once, an undo lets it live again. One that ran out is
    renewed in place: at most one counted lease exists per person and pair, and one for each other purpose. `expected`
    is the answer known beforehand of a warm-up or gold pair, as it stood when it was shown.
    """

    __tablename__ = "leases"
    __table_args__ = (
        Index("uq_leases_counted", "pair_id", "user_id", unique=True, postgresql_where=text("purpose = 'counted'")),
        Index(
            "uq_leases_uncounted",
            "user_id",
            "purpose",
            "pair_id",
            unique=True,
            postgresql_where=text("purpose <> 'counted'"),
        ),
        Index("ix_leases_user_expires", "user_id", "expires_at"),
        Index("ix_leases_expires", "expires_at"),
    )

    id: Mapped[Id]
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[Purpose] = mapped_column(words(Purpose, "purpose"))
    first_on_left: Mapped[bool]
    expected: Mapped[Answer | None] = mapped_column(words(Answer, "expected"))
    given_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]


class Choice(Base):
    """One annotator's answer on one pair, pointing to its lease. Never deleted: an undo sets `undone_at`.

    `key` is made by the client, so that a choice is safe to send twice. `late` marks what came after the round's
    training set was frozen: it changes exports and statistics, never that checkpoint. `extra` marks what came to a pair
    that was full already: it counts in the preference like any other while the round is labeling. `reasons` are the
    study's tags that were picked, `comment` is free text.
    """

    __tablename__ = "choices"
    __table_args__ = (
        Index("uq_choices_standing", "lease_id", unique=True, postgresql_where=text("undone_at IS NULL")),
        Index("ix_choices_user_made", "user_id", "made_at"),
        # what was said and taken back lately: by these, figures that are kept are found to be out of date
        Index("ix_choices_made", "made_at"),
        Index("ix_choices_undone", "undone_at", postgresql_where=text("undone_at IS NOT NULL")),
        Index("ix_choices_pair_user", "pair_id", "user_id", postgresql_where=text("undone_at IS NULL")),
    )

    id: Mapped[Id]
    key: Mapped[uuid.UUID] = mapped_column(unique=True)
    lease_id: Mapped[int] = mapped_column(ForeignKey("leases.id"))
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    answer: Mapped[Answer] = mapped_column(words(Answer, "answer"))
    response_ms: Mapped[int | None]
    late: Mapped[bool] = mapped_column(default=False)
    extra: Mapped[bool] = mapped_column(default=False)
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    comment: Mapped[str] = mapped_column(default="")
    made_at: Mapped[CreatedAt]
    undone_at: Mapped[datetime | None]
