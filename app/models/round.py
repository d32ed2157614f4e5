"""Rounds: epochs of the loop, blind comparisons, and what was imported."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, is_one_of, words
from app.models.group import Sampler


class RoundKind(StrEnum):
    PREFERENCE = "preference"
    EVALUATION = "evaluation"
    IMPORTED = "imported"


class RoundState(StrEnum):
    GENERATING = "generating"
    LABELING = "labeling"
    TRAINING = "training"
    COMPLETE = "complete"
    CANCELLED = "cancelled"


class Hold(StrEnum):
    NONE = "none"
    PAUSED = "paused"
    FAILED = "failed"


FINAL = (RoundState.COMPLETE, RoundState.CANCELLED)
OPEN = tuple(state for state in RoundState if state not in FINAL)


class Round(Base):
    """One epoch of the loop, one blind comparison of two policies, or what was imported from elsewhere.

    Lifecycle: generating -> labeling -> training -> complete, or cancelled from any open state; `hold` stands beside it
    and keeps the state. All moves are in `app.services.round_moves`. At most one preference round of a study is open.
    `checkpoint_id` is the policy that draws (none: the base), copied from the study at launch; an evaluation round
    compares it with `other_checkpoint_id` on `groups` of the study's evaluation groups of its `sampler`, which no other
    round has. An imported round asks nobody and trains nothing: it generates while its files are read, then it is
    complete (`app.models.imported`). `differs` holds each setting in which a round was launched unlike its study, as
    `block.field`, with the study's value at that time and the round's. `first_position` is where the walk
    through the train prompts goes on. `trajectories_gone_at` says that retention has taken its last trajectory.
    """

    __tablename__ = "rounds"
    __table_args__ = (
        UniqueConstraint("study_id", "kind", "number"),
        Index(
            "uq_rounds_open_preference_round_of_study",
            "study_id",
            unique=True,
            postgresql_where=text(f"kind = 'preference' AND {is_one_of('state', *OPEN)}"),
        ),
        Index("ix_rounds_open", "study_id", postgresql_where=text(is_one_of("state", *OPEN))),
        Index("ix_rounds_ended", "study_id", "ended_at"),
        Index(
            "ix_rounds_trajectories",
            "study_id",
            "number",
            postgresql_where=text("kind = 'preference' AND trajectories_gone_at IS NULL"),
        ),
        CheckConstraint("(hold = 'failed') = (hold_reason IS NOT NULL)", name="failed_has_reason"),
        CheckConstraint("(ended_at IS NOT NULL) = " + is_one_of("state", *FINAL), name="final_has_end"),
        CheckConstraint("(kind = 'evaluation') = (sampler IS NOT NULL)", name="comparison_has_sampler"),
    )

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    kind: Mapped[RoundKind] = mapped_column(words(RoundKind, "kind"))
    number: Mapped[int]
    state: Mapped[RoundState] = mapped_column(words(RoundState, "state"))
    hold: Mapped[Hold] = mapped_column(words(Hold, "hold"), default=Hold.NONE)
    hold_reason: Mapped[str | None]
    settings: Mapped[Json]
    differs: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", use_alter=True))
    other_checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", use_alter=True))
    sampler: Mapped[Sampler | None] = mapped_column(words(Sampler, "sampler"))
    first_position: Mapped[int] = mapped_column(default=0)
    groups: Mapped[int]
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    launched_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    launched_at: Mapped[CreatedAt]
    labeling_at: Mapped[datetime | None]
    training_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    trajectories_gone_at: Mapped[datetime | None]


class RoundTotals(Base):
    """A round's totals, refreshed by the sweep, so that no choice writes a row that other pairs' choices write.

    `pairs` are those that are not void; `pairs_alike` were left out since their pictures look the same.
    `open_answered` tells by user id how many of the open pairs that person has answered; who has answered none is not
    in it.
    """

    __tablename__ = "round_totals"

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True, autoincrement=False)
    groups_drawn: Mapped[int] = mapped_column(default=0)
    chunks_failed: Mapped[int] = mapped_column(default=0)
    pairs: Mapped[int] = mapped_column(default=0)
    pairs_closed: Mapped[int] = mapped_column(default=0)
    pairs_alike: Mapped[int] = mapped_column(default=0)
    choices: Mapped[int] = mapped_column(default=0)
    open_answered: Mapped[Json] = mapped_column(default=dict)
    refreshed_at: Mapped[CreatedAt]
