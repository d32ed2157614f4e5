"""Base models: the diffusers pipelines that studies start from, and the checks that let them in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, words


class ModelFamily(StrEnum):
    SD1 = "sd1"
    SD2 = "sd2"
    SDXL = "sdxl"


class BaseModel(Base):
    """A diffusers pipeline: a folder or a hub id, pinned.

    `revision` is a commit hash for a hub id and empty for a folder; `files` holds the SHA-256 of every weight file, so
    that a worker which finds other weights can refuse the job and name the file. A row never changes.
    """

    __tablename__ = "base_models"
    __table_args__ = (UniqueConstraint("source", "revision", "files_sha256"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200))
    source: Mapped[str]
    revision: Mapped[str] = mapped_column(String(64), default="")
    family: Mapped[ModelFamily] = mapped_column(words(ModelFamily, "family"))
    prediction_type: Mapped[str] = mapped_column(String(32))
    token_limit: Mapped[int]
    image_size: Mapped[int]
    files: Mapped[Json]
    files_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[CreatedAt]


class CheckState(StrEnum):
    CHECKING = "checking"
    READY = "ready"
    REFUSED = "refused"


class ModelCheck(Base):
    """A pipeline that an admin named, as a worker finds it: it becomes a base model, or is refused with the reason.

    Lifecycle: checking -> ready or refused; a refused one may be checked again. `facts` holds what the worker measured
    (parameters, bytes, memory, seconds a picture, on which device); `picture` names the test picture that it drew.
    """

    __tablename__ = "model_checks"
    __table_args__ = (
        CheckConstraint("(state = 'refused') = (reason IS NOT NULL)", name="refused_has_reason"),
        CheckConstraint("state <> 'ready' OR base_model_id IS NOT NULL", name="ready_has_model"),
        Index("ix_model_checks_source", "source", "revision"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200))
    source: Mapped[str]
    revision: Mapped[str] = mapped_column(String(200), default="")  # as it was asked for; the base model has the commit
    state: Mapped[CheckState] = mapped_column(words(CheckState, "state"), default=CheckState.CHECKING)
    reason: Mapped[str | None]
    base_model_id: Mapped[int | None] = mapped_column(ForeignKey("base_models.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    facts: Mapped[Json] = mapped_column(default=dict)
    picture: Mapped[Json | None]
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]
