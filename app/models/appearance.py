"""How pictures look, in numbers that need no judge."""

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Appearance(Base):
    """How one sample looks: `worker.appearance` says by which measures.

    Of a round's sample it is written with its row, of an evaluation picture at the end of the job that draws it.
    `apart` is the mean perceptual distance (DSSIM, 0 to 1) to the pictures of the same prompt that it stands beside:
    the others of its group; in the evaluation set the other draws of its prompt by the same policy and sampler.
    `colours_apart` is the root of the mean square difference (0 to 1) to these: DSSIM compares structure and hardly
    sees that all backgrounds have become one colour. Both are none where it is alone.
    """

    __tablename__ = "appearances"
    __table_args__ = (CheckConstraint("apart BETWEEN 0 AND 1", name="apart_is_a_distance"),)

    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), primary_key=True, autoincrement=False)
    brightness: Mapped[float]
    saturation: Mapped[float]
    sharpness: Mapped[float]
    apart: Mapped[float | None]
    colours_apart: Mapped[float | None]
