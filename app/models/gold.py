"""Gold answers: pairs whose better picture is known."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, words
from app.models.choice import Answer


class GoldAnswer(Base):
    """The answer that an admin set for a pair, so that it can be shown as gold or in a warm-up.

    Closed pairs of finished rounds on which at least three people were unanimous serve as well, without a row.
    """

    __tablename__ = "gold_answers"

    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), primary_key=True, autoincrement=False)
    answer: Mapped[Answer] = mapped_column(words(Answer, "answer"))
    set_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    set_at: Mapped[CreatedAt]
