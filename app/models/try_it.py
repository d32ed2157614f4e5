"""Tries: pictures drawn to see what settings do, before a study exists or beside its rounds, or what policies do."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, words
from app.models.group import Sampler


class TryIt(Base):
    """Pictures of one prompt, drawn with these sampling settings by a job of the highest urgency.

    Without `policies`: two pictures of one noise by the policy of `checkpoint_id`; no result, so that the sweep removes
    row and files after a day. With them: the playground's, of a study, which stay until someone removes them. Each
    policy is a list of its parts, `{"checkpoint": id, "weight": w}` (none: the base), and draws `draws` pictures, each
    number of them by the same noise for every policy. Whether it waits, is drawn, is there or has failed is its job's
    state. `pictures` names the WebP of each with its size, once they are drawn: the first policy's, then the next's.
    """

    __tablename__ = "tries"
    __table_args__ = (
        Index("ix_tries_asked", "asked_by_id", "id"),
        Index("ix_tries_created", "created_at"),
        CheckConstraint("policies IS NULL OR study_id IS NOT NULL", name="kept_of_study"),
    )

    id: Mapped[Id]
    base_model_id: Mapped[int] = mapped_column(ForeignKey("base_models.id"))
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"), index=True)
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id"))
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), index=True)
    prompt: Mapped[str]
    seed: Mapped[int]
    sampling: Mapped[Json]
    sampler: Mapped[Sampler] = mapped_column(words(Sampler, "sampler"), default=Sampler.STUDY)
    policies: Mapped[list[Any] | None]
    draws: Mapped[int] = mapped_column(default=1)
    pictures: Mapped[list[Any]] = mapped_column(default=list)
    seconds: Mapped[float | None]
    loading_seconds: Mapped[float | None]
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    drawn_at: Mapped[datetime | None]
