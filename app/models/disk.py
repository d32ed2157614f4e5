"""What studies take up on the disk."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt


class StudyDisk(Base):
    """Bytes and files of one study by kind, as its rows say; counted anew by the sweep once jobs of it have ended.

    `took_ms` is how long counting took: the longer, the rarer it is done. `is_stale` asks for the next count.
    """

    __tablename__ = "study_disk"

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), primary_key=True, autoincrement=False)
    trajectories: Mapped[int] = mapped_column(default=0)
    pictures: Mapped[int] = mapped_column(default=0)
    checkpoints: Mapped[int] = mapped_column(default=0)
    other: Mapped[int] = mapped_column(default=0)
    files: Mapped[int] = mapped_column(default=0)
    took_ms: Mapped[int] = mapped_column(default=0)
    is_stale: Mapped[bool] = mapped_column(default=False)
    counted_at: Mapped[CreatedAt]
