"""Groups and their samples."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, words


class Sampler(StrEnum):
    """How an evaluation picture is drawn: as the study draws, or by DDIM at eta 0, as people will use the LoRA."""

    STUDY = "study"
    DDIM = "ddim"


class SampleState(StrEnum):
    READY = "ready"
    LOST = "lost"


class Group(Base):
    """One prompt and one initial noise x_T, with its samples.

    Belongs to a preference round (then `job_id` is the chunk that draws it and `number` counts in the round), or, with
    no round, to the study's evaluation set (then `draw` and `sampler` tell it apart). A round's groups are written at
    launch; their samples when the chunk is recorded.
    """

    __tablename__ = "groups"
    __table_args__ = (
        UniqueConstraint("round_id", "number"),
        Index(
            "uq_groups_evaluation",
            "study_id",
            "prompt_id",
            "draw",
            "sampler",
            unique=True,
            postgresql_where=text("round_id IS NULL"),
        ),
        CheckConstraint(
            "(round_id IS NULL) = (draw IS NOT NULL AND sampler IS NOT NULL)", name="round_or_evaluation_set"
        ),
    )

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    round_id: Mapped[int | None] = mapped_column(ForeignKey("rounds.id"))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"))
    number: Mapped[int]
    draw: Mapped[int | None]
    sampler: Mapped[Sampler | None] = mapped_column(words(Sampler, "sampler"))


class Sample(Base):
    """One image, with its denoising trajectory in a preference round.

    `number` counts in its group: 0 … K-1 in a round; in the evaluation set the policy's number in the study (0: the
    base). The row outlives its files: `trajectory_removed_at` says that retention took the trajectory. A lost sample's
    pairs are neither shown nor trained.
    """

    __tablename__ = "samples"
    __table_args__ = (
        UniqueConstraint("group_id", "number"),
        Index(
            "ix_samples_kept_trajectories",
            "group_id",
            postgresql_where=text("trajectory_key IS NOT NULL AND trajectory_removed_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"))
    number: Mapped[int]
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", use_alter=True), index=True)
    state: Mapped[SampleState] = mapped_column(words(SampleState, "state"), default=SampleState.READY)
    width: Mapped[int]
    height: Mapped[int]
    image_key: Mapped[str]
    image_sha256: Mapped[str] = mapped_column(String(64))
    image_size: Mapped[int]
    webp_key: Mapped[str]
    webp_sha256: Mapped[str] = mapped_column(String(64))
    webp_size: Mapped[int]
    trajectory_key: Mapped[str | None]
    trajectory_sha256: Mapped[str | None] = mapped_column(String(64))
    trajectory_size: Mapped[int | None]
    trajectory_removed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class SampleScore(Base):
    """What a judge's scoring function says of one sample, in the judge's own unit (for JPEG size: kB)."""

    __tablename__ = "sample_scores"

    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), primary_key=True, autoincrement=False)
    judge: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[float]


class PolicyMean(Base):
    """What a judge says of one policy's evaluation pictures of one sampler: their mean and spread, and those of the
    paired differences to the base's. Counted anew by every transaction that stores scores
    (`app.services.evaluation_scores`), so that pages need not read every picture's.

    `number` is the policy's in the study (0: the base). Deviations are of the sample, none where there is one value.
    """

    __tablename__ = "policy_means"

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), primary_key=True, autoincrement=False)
    judge: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sampler: Mapped[Sampler] = mapped_column(words(Sampler, "sampler"), primary_key=True)
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", use_alter=True))
    mean: Mapped[float]
    deviation: Mapped[float | None]
    pictures: Mapped[int]
    difference: Mapped[float | None]
    difference_deviation: Mapped[float | None]
    paired: Mapped[int]
