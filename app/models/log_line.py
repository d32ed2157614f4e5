"""Lines of log: what workers said while they worked on the jobs of a round."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, words

MOST_CHARACTERS = 4000


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogLine(Base):
    """One thing that a worker said at one attempt at a job; `at` is the worker's clock, ids give the order.

    Of each job the newest lines are kept, so many at most; they go with their job, as that goes with its round.
    `round_id` is the round on whose page the line stands: the job's own, or for evaluation pictures the one that made
    the checkpoint. It is no foreign key, so that what is said locks no round that is being moved.
    """

    __tablename__ = "log_lines"
    __table_args__ = (
        Index("ix_log_lines_job", "job_id", "id"),
        Index("ix_log_lines_round", "round_id", "id"),
    )

    id: Mapped[Id]
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    round_id: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int]
    worker: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    level: Mapped[LogLevel] = mapped_column(words(LogLevel, "level"))
    message: Mapped[str] = mapped_column(String(MOST_CHARACTERS))
