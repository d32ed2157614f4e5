"""Studies."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, words


class StudyKind(StrEnum):
    PAIR = "pair"
    MARK = "mark"


class Study(Base):
    """One question put to annotators about one base model and one prompt set; owns rounds.

    `settings` holds the four blocks of `app.study_settings` as the study has them now; a round copies them at launch.
    `current_checkpoint_id` is the policy that the next round starts from (none: the base). It is moved by a round's
    first finished training run, or by an admin while no preference round is open. `auto_rounds` counts the rounds that
    `auto_advance` still launches by itself. `prompts_over_limit` lists numbers of prompts that the tokenizer cuts.
    """

    __tablename__ = "studies"
    __table_args__ = (CheckConstraint("auto_rounds >= 0", name="auto_rounds_not_negative"),)

    id: Mapped[Id]
    kind: Mapped[StudyKind] = mapped_column(words(StudyKind, "kind"), default=StudyKind.PAIR)
    name: Mapped[str] = mapped_column(String(200))
    question: Mapped[str]
    base_model_id: Mapped[int] = mapped_column(ForeignKey("base_models.id"))
    prompt_set_id: Mapped[int] = mapped_column(ForeignKey("prompt_sets.id"))
    seed: Mapped[int]
    settings: Mapped[Json]
    preset: Mapped[str] = mapped_column(String(64))
    preset_sha256: Mapped[str] = mapped_column(String(64))
    prompts_over_limit: Mapped[list[Any]] = mapped_column(default=list)
    current_checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", use_alter=True))
    auto_rounds: Mapped[int] = mapped_column(default=0)
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    archived_at: Mapped[datetime | None]
