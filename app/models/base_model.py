"""Base models: the diffusers pipelines that studies start from."""

from enum import StrEnum

from sqlalchemy import String, UniqueConstraint
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
