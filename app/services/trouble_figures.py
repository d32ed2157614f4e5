"""The figures by which trouble is found: read from stored rows, a bounded number of queries a study, whatever its size.

Looked at are the newest preference round, and the training runs that matter now: the study's newest, and those that
made its current checkpoint and the policy that draws the newest round.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Float, and_, case, cast, exists, func, literal, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    Answer,
    Appearance,
    Checkpoint,
    Choice,
    Group,
    Job,
    JobKind,
    JobState,
    Judge,
    Lease,
    Metric,
    Pair,
    Purpose,
    Round,
    RoundKind,
    Sample,
    Sampler,
    SampleScore,
    Study,
    TrainingRun,
    User,
    UserKind,
)
from app.services import preferences

RECENT = 50  # optimizer steps over which the clamped share is taken
LINEAGE = 200  # training runs over which accuracy is pooled, at most
ROUNDS = 20  # newest rounds and comparisons over which judges are compared with people
FEWEST = 10  # steps, pairs or pictures below which a share says nothing


@dataclass(frozen=True)
class Tally:
    """So many of so many; `part` may be half a count."""

    part: float
    of: int


@dataclass(frozen=True)
class Compared:
    """A policy's evaluation pictures beside the base model's at the same prompts and noise: how many times as much."""

    pictures: int
    structure: float | None  # how far pictures of one prompt lie apart
    colours: float | None  # how far they lie apart in colour
    brightness: float | None
    saturation: float | None
    sharpness: float | None


@dataclass(frozen=True)
class Agreement:
    """How many of people's choices a judge's scores agree with: of the newest, and of all before them."""

    judge: str
    newest: Tally
    before: Tally


@dataclass(frozen=True)
class RunFigures:
    """One training run: what it measured, and how its checkpoint's pictures look. KL is the highest it measured."""

    round_id: int
    run_id: int
    diverged_at: int | None
    kl_base: float | None
    kl_round: float | None
    clamped: float | None
    foretold: Tally
    pictures: Compared | None
    agreements: Sequence[Agreement]


@dataclass(frozen=True)
class RoundFigures:
    """The pairs that a round has drawn so far, and how many of them look the same."""

    round_id: int
    pairs: int
    alike: int


def newest_round(session: Session, study_id: int) -> Round | None:
    """The study's newest preference round."""
    return session.scalars(
        select(Round)
        .where(Round.study_id == study_id, Round.kind == RoundKind.PREFERENCE)
        .order_by(Round.number.desc())
        .limit(1)
    ).one_or_none()


def runs_that_matter(session: Session, study: Study, newest: Round | None) -> list[TrainingRun]:
    """The runs that are looked at, oldest first."""
    last = (
        select(TrainingRun.id)
        .join(Round, Round.id == TrainingRun.round_id)
        .where(Round.study_id == study.id)
        .order_by(TrainingRun.id.desc())
        .limit(1)
    )
    wanted = [study.current_checkpoint_id, newest.checkpoint_id if newest else None]
    made = select(Checkpoint.training_run_id).where(Checkpoint.id.in_([number for number in wanted if number]))
    return list(
        session.scalars(
            select(TrainingRun)
            .where(TrainingRun.id.in_(last) | TrainingRun.id.in_(made))
            .order_by(TrainingRun.id)
        )
    )  # fmt: skip


def of_round(session: Session, round_: Round, *, distance: float) -> RoundFigures:
    """The round's pairs; those nearer than `distance` look the same."""
    measured, alike = session.execute(
        select(func.count(Pair.distance), func.count().filter(Pair.distance < distance)).where(
            Pair.round_id == round_.id
        )
    ).one()
    return RoundFigures(round_.id, measured, alike)


def of_run(
    session: Session, study: Study, run: TrainingRun, *, pairs: int, agreements: Sequence[Agreement] = ()
) -> RunFigures:
    """One run's figures, accuracy over the newest `pairs` pairs; `agreements` are the study's, for its newest run."""
    made = session.scalars(select(Checkpoint).where(Checkpoint.training_run_id == run.id)).one_or_none()
    kl_base, kl_round = session.execute(
        select(func.max(_measured("kl_base")), func.max(_measured("kl_sampled"))).where(
            Metric.training_run_id == run.id
        )
    ).one()
    return RunFigures(
        round_id=run.round_id,
        run_id=run.id,
        diverged_at=(run.summary or {}).get("diverged_at"),
        kl_base=kl_base,
        kl_round=kl_round,
        clamped=_clamped(session, run.id),
        foretold=_foretold(session, run.id, pairs),
        pictures=compared(session, study.id, made.number) if made and _drawn(session, study.id, made.id) else None,
        agreements=agreements,
    )


def compared(session: Session, study_id: int, number: int) -> Compared | None:
    """Evaluation pictures of the study's policy of this number beside the base's; none while none are measured."""
    own, base = aliased(Sample), aliased(Sample)
    of_own, of_base = aliased(Appearance), aliased(Appearance)
    names = ("apart", "colours_apart", "brightness", "saturation", "sharpness")
    means = [func.avg(getattr(looks, name)) for name in names for looks in (of_own, of_base)]
    pictures, *found = session.execute(
        select(func.count(), *means)
        .select_from(Group)
        .join(own, and_(own.group_id == Group.id, own.number == number))
        .join(base, and_(base.group_id == Group.id, base.number == 0))
        .join(of_own, of_own.sample_id == own.id)
        .join(of_base, of_base.sample_id == base.id)
        .where(Group.study_id == study_id, Group.round_id.is_(None), Group.sampler == Sampler.STUDY)
    ).one()
    if not pictures:
        return None
    ratios = [_ratio(*found[place : place + 2]) for place in range(0, len(found), 2)]
    return Compared(pictures, *ratios)


def agreements(session: Session, study_id: int, *, newest: int) -> list[Agreement]:
    """By judge: with how many of people's choices its scores agree, where it prefers one picture. Rounds and
    comparisons are taken from the newest on until `newest` choices are met; all before these are `before`."""
    first, second = aliased(SampleScore), aliased(SampleScore)
    gain = case((Judge.larger_is_better, first.value - second.value), else_=second.value - first.value)
    agrees = (gain > 0) == (Choice.answer == Answer.FIRST)
    rounds = select(Round.id).where(Round.study_id == study_id).order_by(Round.id.desc()).limit(ROUNDS)
    rows = session.execute(
        select(Judge.name, Pair.round_id, func.count().filter(agrees), func.count())
        .select_from(Choice)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(User, User.id == Choice.user_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(first, first.sample_id == Pair.first_id)
        .join(second, and_(second.sample_id == Pair.second_id, second.judge == first.judge))
        .join(Judge, Judge.name == first.judge)
        .where(
            Pair.round_id.in_(rounds),
            Choice.undone_at.is_(None),
            Choice.answer.in_((Answer.FIRST, Answer.SECOND)),
            Lease.purpose == Purpose.COUNTED,
            User.kind == UserKind.PERSON,
            ~preferences.left_out(study_id, Choice.user_id),
            first.value != second.value,
        )
        .group_by(Judge.name, Pair.round_id)
        .order_by(Judge.name, Pair.round_id.desc())
    ).all()
    names = dict.fromkeys(name for name, *_ in rows)
    return [_agreement(name, [(part, of) for who, _, part, of in rows if who == name], newest) for name in names]


def _agreement(judge: str, by_round: Sequence[tuple[int, int]], newest: int) -> Agreement:
    """`by_round`, newest first, cut where `newest` choices are met."""
    taken, place = 0, 0
    while place < len(by_round) and taken < newest:
        taken += by_round[place][1]
        place += 1
    return Agreement(judge, _sum(by_round[:place]), _sum(by_round[place:]))


def _sum(parts: Sequence[tuple[int, int]]) -> Tally:
    return Tally(sum(part for part, _ in parts), sum(of for _, of in parts))


def _clamped(session: Session, run_id: int) -> float | None:
    """Mean share of pairs with both sides past the clamp over the run's newest steps; none before there are enough."""
    newest = (
        select(_measured("clamped_pairs").label("share"))
        .where(Metric.training_run_id == run_id)
        .order_by(Metric.step.desc())
        .limit(RECENT)
        .subquery()
    )
    share, steps = session.execute(select(func.avg(newest.c.share), func.count(newest.c.share))).one()
    return share if steps >= FEWEST else None


def _foretold(session: Session, run_id: int, pairs: int) -> Tally:
    """Of how many of the newest pairs the policy preferred the chosen picture before it learned from them: in the run,
    and in those before it that its policy descends from, in their first passes, until `pairs` are met."""
    lineage = _lineage(session, run_id)
    weight = func.coalesce(_measured("pairs"), 1.0)
    rows = session.execute(
        select(Metric.training_run_id, func.sum(_measured("accuracy") * weight), func.sum(weight))
        .where(
            Metric.training_run_id.in_(lineage),
            _measured("accuracy").is_not(None),
            func.coalesce(_measured("epoch"), 1.0) == 1,
        )
        .group_by(Metric.training_run_id)
    )
    by_run = {number: (part, of) for number, part, of in rows}
    part, of = 0.0, 0.0
    for number in lineage:
        if of >= pairs:
            break
        more = by_run.get(number, (0.0, 0.0))
        part, of = part + more[0], of + more[1]
    return Tally(part, round(of))


def _lineage(session: Session, run_id: int) -> list[int]:
    """The run, and the runs that made the checkpoints it descends from, newest first."""
    start = (
        select(TrainingRun.id.label("id"), Round.checkpoint_id.label("parent"), literal(1).label("depth"))
        .join(Round, Round.id == TrainingRun.round_id)
        .where(TrainingRun.id == run_id)
        .cte("lineage", recursive=True)
    )
    above = (
        select(TrainingRun.id, Checkpoint.parent_id, start.c.depth + 1)
        .join(Checkpoint, Checkpoint.training_run_id == TrainingRun.id)
        .join(start, start.c.parent == Checkpoint.id)
        .where(start.c.depth < LINEAGE)
    )
    lineage = start.union_all(above)
    return list(session.scalars(select(lineage.c.id).order_by(lineage.c.depth)))


def _measured(name: str) -> ColumnElement[float]:
    """A figure of a metrics row."""
    return cast(Metric.values[name].astext, Float)


def _drawn(session: Session, study_id: int, checkpoint_id: int) -> bool:
    """Whether nothing is left to be drawn and measured of the checkpoint's evaluation pictures."""
    at_work = exists().where(
        Job.study_id == study_id,
        Job.checkpoint_id == checkpoint_id,
        Job.kind == JobKind.EVALUATION,
        Job.state.in_((JobState.WAITING, JobState.RUNNING)),
    )
    return not session.scalar(select(at_work))


def _ratio(own: float | None, base: float | None) -> float | None:
    return own / base if own is not None and base else None
