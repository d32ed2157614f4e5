"""The history."""

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json


class Event(Base):
    """One row of the history: when, who, what, object, details. Written with every move and every admin action, in the
    same transaction; never changed. No actor means the system itself (the sweep or a worker)."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_study", "study_id", "id"),
        Index("ix_events_round", "round_id", "id"),
        Index("ix_events_actor", "actor_id", "id"),
        Index("ix_events_object", "object_type", "id"),
    )

    id: Mapped[Id]
    at: Mapped[CreatedAt]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    what: Mapped[str] = mapped_column(String(64))
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[int]
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"))
    round_id: Mapped[int | None] = mapped_column(ForeignKey("rounds.id"))
    details: Mapped[Json] = mapped_column(default=dict)
