"""Tries: two pictures drawn to see what settings do, before a study exists or beside its rounds."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json


class TryIt(Base):
    """Two pictures of one prompt and one noise, drawn with these sampling settings by a job of the highest urgency.

    Whether it waits, is drawn, is there or has failed is its job's state. `pictures` names the WebP of each with its
    size, once they are drawn. A try is no result: the sweep removes row and files after a day.
    """

    __tablename__ = "tries"
    __table_args__ = (Index("ix_tries_asked", "asked_by_id", "id"), Index("ix_tries_created", "created_at"))

    id: Mapped[Id]
    base_model_id: Mapped[int] = mapped_column(ForeignKey("base_models.id"))
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"))
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id"))
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), index=True)
    prompt: Mapped[str]
    seed: Mapped[int]
    sampling: Mapped[Json]
    pictures: Mapped[list[Any]] = mapped_column(default=list)
    seconds: Mapped[float | None]
    loading_seconds: Mapped[float | None]
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    drawn_at: Mapped[datetime | None]
