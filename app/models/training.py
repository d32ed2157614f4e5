"""Training: the frozen sets, the runs on them, and their metrics."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, is_one_of, words


class RunState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrainingSet(Base):
    """What is trained on, frozen: the round's (pair, p, weight) with the choices behind each, in a fixed order.

    `items` is that list and `sha256` the hash of its canonical JSON. Training, resume, retry and reproduce read only
    this. A round has more than one only when an admin trains it again from the choices as they are now.
    """

    __tablename__ = "training_sets"
    __table_args__ = (UniqueConstraint("round_id", "number"),)

    id: Mapped[Id]
    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"))
    number: Mapped[int]
    items: Mapped[list[Any]]
    sha256: Mapped[str] = mapped_column(String(64))
    frozen_at: Mapped[CreatedAt]


class TrainingRun(Base):
    """One attempt to make a checkpoint from a frozen training set, with its own training settings.

    Lifecycle: waiting -> running -> finished, failed or cancelled; retry takes a failed run back to waiting, and it
    goes on from `resume` (the newest resume point: key, SHA-256, size, step). The round's state follows the newest run.
    """

    __tablename__ = "training_runs"
    __table_args__ = (
        UniqueConstraint("round_id", "number"),
        Index(
            "uq_training_runs_active",
            "round_id",
            unique=True,
            postgresql_where=text(is_one_of("state", RunState.WAITING, RunState.RUNNING)),
        ),
    )

    id: Mapped[Id]
    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"))
    training_set_id: Mapped[int] = mapped_column(ForeignKey("training_sets.id"))
    number: Mapped[int]
    state: Mapped[RunState] = mapped_column(words(RunState, "state"), default=RunState.WAITING)
    settings: Mapped[Json]
    settings_sha256: Mapped[str] = mapped_column(String(64))
    resume: Mapped[Json | None]
    summary: Mapped[Json | None]
    end_reason: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Metric(Base):
    """The metrics of one optimizer step of a training run; unique by (run, step), so a resumed run writes each once."""

    __tablename__ = "metrics"

    training_run_id: Mapped[int] = mapped_column(ForeignKey("training_runs.id"), primary_key=True, autoincrement=False)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    values: Mapped[Json]
    at: Mapped[CreatedAt]
