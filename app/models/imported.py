"""Imports: preference data that was made elsewhere, as a study of its own."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json


class Import(Base):
    """Files of preference data, read into a study of their own by a job of the `cpu` queue or by the command line.

    Lifecycle: asked -> checked whole (`sha256`, `total`) -> begun (`study_id`, `round_id`) -> `position` moves to
    `total` -> ended. What was read and where it goes on from are stored in one transaction, so it can be broken off at
    any time, goes on where it was, and reads nothing twice. `sha256` is of the files' hashes in their order: the same
    files under one name are one import. `source` says where they lie, `left_out` how many rows were passed over, by
    reason. Nobody's job: the command line reads.
    """

    __tablename__ = "imports"
    __table_args__ = (
        Index("uq_imports_content", "format", "name", "sha256", unique=True),
        CheckConstraint("(study_id IS NULL) = (round_id IS NULL)", name="begun_whole"),
        CheckConstraint("position BETWEEN 0 AND total", name="position_within"),
    )

    id: Mapped[Id]
    format: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(200))
    question: Mapped[str]
    source: Mapped[Json]
    sha256: Mapped[str | None] = mapped_column(String(64))
    total: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[Json] = mapped_column(default=dict)
    base_model_id: Mapped[int] = mapped_column(ForeignKey("base_models.id"))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"), unique=True)
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"), index=True)
    round_id: Mapped[int | None] = mapped_column(ForeignKey("rounds.id"), unique=True)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class ImportedSample(Base):
    """A picture that was not drawn here: the SHA-256 of its bytes as they came, and what the file says drew it.

    The bytes are kept as they came where they are a PNG that judges can read, else its pixels as a PNG.
    """

    __tablename__ = "imported_samples"
    __table_args__ = (Index("uq_imported_samples_content", "group_id", "sha256", unique=True),)

    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), primary_key=True, autoincrement=False)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(default="")
