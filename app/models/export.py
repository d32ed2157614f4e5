"""Exports: what a researcher takes away of a study, made by a job."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id


class Export(Base):
    """One file made of a study's data by a job of the `cpu` queue.

    Whether it waits, is written, is there or has failed is its job's state. `format` names an entry of
    `app.services.export_formats`, `rounds` the kinds of rounds that it is of (`preference`, `evaluation`, `all`). The
    file is named in the transaction that ends the job, and all of key, size, SHA-256 and rows stand from then on.
    Removed with its file by whoever no longer wants it.
    """

    __tablename__ = "exports"
    __table_args__ = (
        Index("ix_exports_study", "study_id", "id"),
        CheckConstraint(
            "(key IS NULL) = (sha256 IS NULL) AND (key IS NULL) = (size IS NULL) AND (key IS NULL) = (rows IS NULL)",
            name="file_whole",
        ),
    )

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), unique=True)
    format: Mapped[str] = mapped_column(String(32))
    rounds: Mapped[str] = mapped_column(String(32))
    key: Mapped[str | None]
    size: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    rows: Mapped[int | None]
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
