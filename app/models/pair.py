"""Pairs: two samples of one group, shown side by side."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, words


class PairState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    VOID = "void"


class Pair(Base):
    """Two samples of one group, put to annotators in one round.

    Open until as many places are filled as the study asks choices per pair, or until three people skipped it; an undo
    opens it again while the round is labeling. Void, shown to nobody and not trained, once a sample of it is lost, or
    where its pictures look the same (`alike`; `app.services.look_alikes`). `filled` counts the choices that fill
    a place (not undone, not skip, counted purpose, by nobody who is left out) and `skipped` the skips; both are counted
    anew by every transaction that changes them (`app.services.places`). Choices that came late may make `filled` exceed
    the places. `distance` is how far the two pictures look from each other (DSSIM, 0 to 1), none where nobody measured.
    """

    __tablename__ = "pairs"
    __table_args__ = (
        UniqueConstraint("round_id", "first_id", "second_id"),
        # `next` reads the open pairs by how full they are, from a place onwards and up to it
        Index("ix_pairs_open", "round_id", "filled", "id", postgresql_where=text("state = 'open'")),
        # pairs on which people may have been unanimous
        Index("ix_pairs_judged", "round_id", "id", postgresql_where=text("state = 'closed' AND filled >= 3")),
        CheckConstraint("first_id <> second_id", name="two_samples"),
        CheckConstraint("filled >= 0 AND skipped >= 0", name="counts_not_negative"),
        CheckConstraint("state <> 'closed' OR closed_at IS NOT NULL", name="closed_has_time"),
        CheckConstraint("NOT alike OR state = 'void'", name="alike_is_void"),
        CheckConstraint("distance BETWEEN 0 AND 1", name="distance_is_one"),
    )

    id: Mapped[Id]
    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"))
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"), index=True)
    first_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), index=True)
    second_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), index=True)
    state: Mapped[PairState] = mapped_column(words(PairState, "state"), default=PairState.OPEN)
    filled: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    closed_at: Mapped[datetime | None]
    distance: Mapped[float | None]
    alike: Mapped[bool] = mapped_column(default=False)
