"""Jobs: units of work for a worker, and the workers that take them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, is_one_of, words


class JobKind(StrEnum):
    CHUNK = "chunk"
    TRAINING = "training"
    EVALUATION = "evaluation"
    MODEL_CHECK = "model_check"
    CLEAN_UP = "clean_up"
    TRY_IT = "try_it"
    EXPORT = "export"
    SCORING = "scoring"
    IMPORT = "import"
    PUSH = "push"


OF_THE_HOUSE = (JobKind.MODEL_CHECK, JobKind.CLEAN_UP, JobKind.TRY_IT, JobKind.IMPORT)


class Queue(StrEnum):
    ACCELERATOR = "accelerator"
    CPU = "cpu"


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Base):
    """One unit of work. The row is the truth; a Celery message only says "look".

    Claimed by one UPDATE that raises `attempt` and leases it by the database's clock. Heartbeat, progress and result
    are written WHERE id and attempt match: where no row changes, the worker has lost the job and removes its own
    files. A lease that ran out makes a running job claimable again. `failures` counts attempts that ended in an error;
    above the limit the job is failed for good. `urgency`: the smaller, the sooner. A job belongs to a study, but
    for the house's own: the check of a base model, the clean-up of stored files, a try before
    there is a study, an import, which makes one.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_claim", "queue", "urgency", "id", postgresql_where=text("state IN ('waiting', 'running')")),
        Index("ix_jobs_study", "study_id", "ended_at"),
        Index("ix_jobs_failed", "id", postgresql_where=text("state = 'failed'")),
        Index("ix_jobs_of_house", "kind", "id", postgresql_where=text("study_id IS NULL")),
        CheckConstraint("attempt >= 0 AND failures >= 0", name="counts_not_negative"),
        CheckConstraint("state <> 'running' OR lease_until IS NOT NULL", name="running_has_lease"),
        CheckConstraint(f"study_id IS NOT NULL OR {is_one_of('kind', *OF_THE_HOUSE)}", name="of_study_or_house"),
    )

    id: Mapped[Id]
    kind: Mapped[JobKind] = mapped_column(words(JobKind, "kind"))
    queue: Mapped[Queue] = mapped_column(words(Queue, "queue"))
    state: Mapped[JobState] = mapped_column(words(JobState, "state"), default=JobState.WAITING)
    urgency: Mapped[int]
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"))
    round_id: Mapped[int | None] = mapped_column(ForeignKey("rounds.id"), index=True)
    training_run_id: Mapped[int | None] = mapped_column(ForeignKey("training_runs.id", use_alter=True), index=True)
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", use_alter=True))
    payload: Mapped[Json] = mapped_column(default=dict)
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(200))
    due_at: Mapped[CreatedAt]
    claimed_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    progress: Mapped[Json] = mapped_column(default=dict)
    last_progress_at: Mapped[datetime | None]
    error: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class Worker(Base):
    """A worker process as it last said of itself; `seen_at` is its heartbeat, also while it has nothing to do.

    Memory is in bytes: the GPU's as all its processes use it where the worker computes on one, else the machine's.
    """

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    queue: Mapped[Queue] = mapped_column(words(Queue, "queue"))
    device: Mapped[str] = mapped_column(String(200))
    version: Mapped[str] = mapped_column(String(64), default="")
    memory_used: Mapped[int | None]
    memory_total: Mapped[int | None]
    started_at: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]
