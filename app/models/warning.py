"""Warnings: what was found wrong with a round or with what it trained, and when studies were looked at for it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json


class StudyWarning(Base):
    """A kind of trouble (`app.services.troubles`) that was found in a round, raised once, with its event.

    It is of one of the round's training runs, or, where that is none, of the pictures that the round drew. `figures`
    holds the numbers behind it as they were when it was raised. `stopped_at` says that the study stopped itself on it,
    `went_back_at` that the study then went back to an earlier checkpoint.
    """

    __tablename__ = "warnings"
    __table_args__ = (
        UniqueConstraint("round_id", "training_run_id", "name", postgresql_nulls_not_distinct=True),
        Index("ix_warnings_study", "study_id", "id"),
    )

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"))
    training_run_id: Mapped[int | None] = mapped_column(ForeignKey("training_runs.id"), index=True)
    name: Mapped[str] = mapped_column(String(32))
    figures: Mapped[Json] = mapped_column(default=dict)
    raised_at: Mapped[CreatedAt]
    stopped_at: Mapped[datetime | None]
    went_back_at: Mapped[datetime | None]


class StudyWatch(Base):
    """When a study was last looked at for trouble. `took_ms` is how long that took: the longer, the rarer it is."""

    __tablename__ = "study_watch"

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), primary_key=True, autoincrement=False)
    took_ms: Mapped[int] = mapped_column(default=0)
    looked_at: Mapped[CreatedAt]
