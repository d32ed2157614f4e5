"""Checkpoints: trained LoRA adapters with their full provenance."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json


class Checkpoint(Base):
    """A trained LoRA adapter. Never changes and is never removed while anything was drawn from it.

    `number` counts in the study from 1. `files` holds one file per format (`peft`, `diffusers`, `kohya`): name, key,
    size, SHA-256. `optimizer` is the optimizer's state, carried into the next round and never part of a download.
    """

    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("study_id", "number"),)

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    number: Mapped[int]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id"))
    training_run_id: Mapped[int] = mapped_column(ForeignKey("training_runs.id"), unique=True)
    adapter_sha256: Mapped[str] = mapped_column(String(64))
    files: Mapped[Json]
    optimizer: Mapped[Json | None]
    provenance: Mapped[Json]
    created_at: Mapped[CreatedAt]
