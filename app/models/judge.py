"""Judges: what the site knows of the scoring functions that are installed at the workers, their work, and how far they
say what people say."""

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, words
from app.models.job import Queue


class Judge(Base):
    """A scoring function that some worker has installed: the unit of its scores, which of two is better, and which
    queue's workers score with it.

    Written by workers when they begin and whenever they have scored, since the site has no judges installed. `about`
    says in a sentence what it measures.
    """

    __tablename__ = "judges"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    unit: Mapped[str] = mapped_column(String(32))
    larger_is_better: Mapped[bool]
    about: Mapped[str] = mapped_column(String(300), default="")
    queue: Mapped[Queue] = mapped_column(words(Queue, "queue"), default=Queue.ACCELERATOR)
    seen_at: Mapped[CreatedAt]


class Scoring(Base):
    """One judge's way through the pictures of a study, or of one of its rounds, made by a job.

    Whether it waits, is at work, is done or has failed is its job's state. What is scored already is passed by, so it
    goes on where it was stopped. `scored` counts the scores that it stored, `unreadable` the pictures whose file was
    gone or damaged when it came by.
    """

    __tablename__ = "scorings"
    __table_args__ = (Index("ix_scorings_study", "study_id", "id"),)

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    round_id: Mapped[int | None] = mapped_column(ForeignKey("rounds.id"))
    judge: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), unique=True)
    scored: Mapped[int] = mapped_column(default=0)
    unreadable: Mapped[int] = mapped_column(default=0)
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]


class JudgeTally(Base):
    """What one judge's scores say of one round's pairs beside what people said, counted with the round's other tallies
    (`app.services.tallies`) so that pages need not read every pair.

    `pairs` are those that people's choices say something of and whose two pictures are scored. The nine counts are
    named judge's choice first, then people's: `first_tie` counts pairs whose first picture the judge holds better and
    on which people are even. Correlations are of the score difference with people's preference, none where either never
    differs. `bins` tells by how far scores lie apart (half octaves of the unit, as `judge_figures.BIN`) how often
    people prefer the judge's better picture: of each [preferred, pairs, sum of differences].
    """

    __tablename__ = "judge_tallies"
    __table_args__ = (Index("ix_judge_tallies_study", "study_id", "judge", "round_id"),)

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True, autoincrement=False)
    judge: Mapped[str] = mapped_column(String(64), primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    pairs: Mapped[int]
    first_first: Mapped[int]
    first_tie: Mapped[int]
    first_second: Mapped[int]
    tie_first: Mapped[int]
    tie_tie: Mapped[int]
    tie_second: Mapped[int]
    second_first: Mapped[int]
    second_tie: Mapped[int]
    second_second: Mapped[int]
    pearson: Mapped[float | None]
    spearman: Mapped[float | None]
    bins: Mapped[Json] = mapped_column(default=dict)


class JudgeDispute(Base):
    """A pair of a round on which judge and people disagree most: a few of each round and judge, written with its tally.

    `gain` is how much better the judge holds the first picture, in its unit; `p` is people's preference for the first,
    from `choices` choices. `weight` grows with both: the larger, the further apart they are.
    """

    __tablename__ = "judge_disputes"
    __table_args__ = (Index("ix_judge_disputes_study", "study_id", "judge", "weight"),)

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True, autoincrement=False)
    judge: Mapped[str] = mapped_column(String(64), primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), primary_key=True, autoincrement=False)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    gain: Mapped[float]
    p: Mapped[float]
    choices: Mapped[int]
    weight: Mapped[float]
