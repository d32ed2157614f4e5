"""Pushes: checkpoints sent to the Hugging Face hub, by a job."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id


class Push(Base):
    """One sending of a checkpoint's folder to a repository of the hub, by a job of the `cpu` queue.

    Whether it waits, is sent, has arrived or has failed is its job's state. `repo` is `owner/name`. `private` is what
    was asked for, and from its end on what the repository is. `provenance` says whether every choice, by pseudonym,
    goes with it. `url` is the repository's address and `commit` the one that holds the folder; both stand once it has
    arrived. Never removed: it tells where the checkpoint went.
    """

    __tablename__ = "pushes"
    __table_args__ = (
        Index("ix_pushes_checkpoint", "checkpoint_id", "id"),
        CheckConstraint('("commit" IS NULL) = (url IS NULL)', name="arrived_whole"),
    )

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id"))
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), unique=True)
    repo: Mapped[str] = mapped_column(String(200))
    private: Mapped[bool]
    provenance: Mapped[bool]
    url: Mapped[str | None]
    commit: Mapped[str | None] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
