"""Work: what each person did in each quarter of an hour."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt


class WorkQuarter(Base):
    """One person's answers of one study in one quarter of an hour, counted by the sweep (`app.services.work`), from
    which days of every time zone are added up.

    `choices` stand and are no skips, `counted` of them are of counted purpose, `repeats` show a pair again; `skipped`
    stand, too. `seconds` of active time are of all answers, undone ones among them (`app.services.payments` says how
    they are measured).
    """

    __tablename__ = "work_quarters"
    __table_args__ = (Index("ix_work_quarters_quarter", "quarter"), Index("ix_work_quarters_counted", "counted_at"))

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    quarter: Mapped[datetime] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), primary_key=True, autoincrement=False)
    choices: Mapped[int]
    counted: Mapped[int]
    repeats: Mapped[int]
    skipped: Mapped[int]
    seconds: Mapped[Decimal] = mapped_column(Numeric)
    counted_at: Mapped[CreatedAt]
