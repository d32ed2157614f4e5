"""How fast this instance has drawn, trained and been answered, from its own finished jobs of one base model.

Only like is compared with like: pictures of the same size. Of each kind the newest few count, by their median, so that
a first job that had to load the model does not weigh.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    Choice,
    Group,
    Job,
    JobKind,
    JobState,
    Lease,
    Purpose,
    Round,
    RoundKind,
    RunState,
    Sample,
    Study,
    TrainingRun,
    TrainingSet,
    User,
    UserKind,
)
from app.study_settings import SamplingSettings, TrainingSettings

ROUNDS = 10
AT_MOST = 20
SAMPLES = 100
CHOICES = 500


@dataclass(frozen=True)
class Measured:
    """A median, and how many measurements it is of."""

    value: float
    of: int


@dataclass(frozen=True)
class Speeds:
    """What was measured; none where nothing was.

    `draw`: seconds a sample and denoising step. `train`: seconds a trained state (one sample at one step). `picture`:
    bytes that one sample's PNG and WebP take. `choice`: seconds of looking that a choice of people took.
    """

    draw: Measured | None = None
    train: Measured | None = None
    picture: Measured | None = None
    choice: Measured | None = None


def of_model(session: Session, base_model_id: int | None, sampling: SamplingSettings) -> Speeds:
    """The speeds on this base model at this size of pictures, in its newest rounds. A fixed number of queries."""
    rounds = _rounds(session, base_model_id, sampling) if base_model_id is not None else {}
    return Speeds(
        draw=_median(_draws(session, rounds)),
        train=_median(_trainings(session, rounds)),
        picture=_median(_pictures(session, rounds)),
        choice=_median(_choices(session)),
    )


def trained_steps(sampling: SamplingSettings, training: TrainingSettings) -> int:
    """How many denoising steps of each sample are trained in one pass; steps left out by their gain are counted too."""
    return min(training.steps_per_pair or sampling.steps, sampling.branch_steps or sampling.steps)


def _median(values: Sequence[float]) -> Measured | None:
    return Measured(median(values), len(values)) if values else None


def _rounds(session: Session, base_model_id: int, sampling: SamplingSettings) -> dict[int, SamplingSettings]:
    """The newest rounds on the model with pictures of this size, with how they drew, by id."""
    rows = session.execute(
        select(Round.id, Round.settings["sampling"])
        .join(Study, Study.id == Round.study_id)
        .where(Study.base_model_id == base_model_id, Round.kind == RoundKind.PREFERENCE)
        .order_by(Round.id.desc())
        .limit(ROUNDS)
    )
    found = {round_id: SamplingSettings.model_validate(block) for round_id, block in rows}
    size = (sampling.height, sampling.width)
    return {round_id: block for round_id, block in found.items() if (block.height, block.width) == size}


def _draws(session: Session, rounds: dict[int, SamplingSettings]) -> list[float]:
    took = func.extract("epoch", Job.ended_at - Job.claimed_at)
    rows = session.execute(
        select(Job.round_id, Job.payload["groups"].as_integer(), took)
        .where(
            Job.round_id.in_(rounds), Job.kind == JobKind.CHUNK, Job.state == JobState.DONE, Job.claimed_at.is_not(None)
        )
        .order_by(Job.id.desc())
        .limit(AT_MOST)
    )
    return [
        float(seconds) / (groups * rounds[round_id].samples_per_group * rounds[round_id].steps)
        for round_id, groups, seconds in rows
        if round_id is not None and groups and seconds is not None
    ]


def _trainings(session: Session, rounds: dict[int, SamplingSettings]) -> list[float]:
    items = func.jsonb_array_elements(TrainingSet.items).table_valued("value")
    group, held_out = items.c.value.op("->>")("group"), items.c.value.op("->>")("held_out")
    groups = (
        select(func.count(group.distinct())).select_from(items).where(held_out != "true")
        .correlate(TrainingSet).scalar_subquery()
    )  # fmt: skip
    rows = session.execute(
        select(TrainingRun.round_id, TrainingRun.settings, TrainingRun.summary, groups)
        .join(TrainingSet, TrainingSet.id == TrainingRun.training_set_id)
        .where(TrainingRun.round_id.in_(rounds), TrainingRun.state == RunState.FINISHED)
        .order_by(TrainingRun.id.desc())
        .limit(AT_MOST)
    )
    found = []
    for round_id, block, summary, trained in rows:
        seconds, sampling = (summary or {}).get("seconds"), rounds[round_id]
        training = TrainingSettings.model_validate(block)
        states = trained * sampling.samples_per_group * trained_steps(sampling, training) * training.inner_epochs
        if seconds and states:
            found.append(seconds / states)
    return found


def _pictures(session: Session, rounds: dict[int, SamplingSettings]) -> list[float]:
    newest = select(Group.id).where(Group.round_id.in_(rounds)).order_by(Group.id.desc()).limit(SAMPLES)
    sizes = session.scalars(select(Sample.image_size + Sample.webp_size).where(Sample.group_id.in_(newest)))
    return [float(size) for size in sizes]


def _choices(session: Session) -> list[float]:
    """How long people looked, over all studies: the newest choices that count."""
    newest = select(Choice.id).order_by(Choice.id.desc()).limit(CHOICES).subquery()
    rows = session.scalars(
        select(Choice.response_ms)
        .join(newest, newest.c.id == Choice.id)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(User, User.id == Choice.user_id)
        .where(Choice.response_ms.is_not(None), Lease.purpose == Purpose.COUNTED, User.kind == UserKind.PERSON)
    )
    return [value / 1000 for value in rows if value is not None]
