"""Judges: what the site knows of the scoring functions that are installed at the workers."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt


class Judge(Base):
    """A scoring function that a worker has scored pictures with: the unit of its scores, and which of two is better.

    Written by the worker at every evaluation, since the site has no judges installed.
    """

    __tablename__ = "judges"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    unit: Mapped[str] = mapped_column(String(32))
    larger_is_better: Mapped[bool]
    seen_at: Mapped[CreatedAt]
