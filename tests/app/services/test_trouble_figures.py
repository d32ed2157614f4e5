"""The figures that trouble is found by, from rows whose figures are worked out by hand."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    Answer,
    Appearance,
    Checkpoint,
    JobKind,
    JobState,
    Judge,
    Metric,
    Purpose,
    Round,
    RoundKind,
    RoundState,
    RunState,
    Sampler,
    SampleScore,
    Study,
    TrainingRun,
    UserKind,
)  # fmt: skip
from app.services import participations, trouble_figures
from app.services.trouble_figures import Agreement, Tally
from tests import builders


@pytest.fixture
def study(db: Session) -> Study:
    return builders.study(db)


def run_of(
    db: Session,
    study: Study,
    *,
    parent: Checkpoint | None = None,
    accuracies: Sequence[float | None] = (),
    **values: float,
) -> TrainingRun:
    """A finished run of a round of the study that `parent` drew; a metrics row for each accuracy."""
    round_ = builders.round_(
        db, study_id=study.id, state=RoundState.COMPLETE, checkpoint_id=parent.id if parent else None
    )
    run = builders.training_run(db, round_id=round_.id, state=RunState.FINISHED, ended_at=builders.now())
    for step, accuracy in enumerate(accuracies, start=1):
        row = {"accuracy": accuracy, "pairs": 1, "epoch": 1, **values}
        db.add(Metric(training_run_id=run.id, step=step, values=row))
    db.flush()
    return run


def made_by(db: Session, run: TrainingRun, parent: Checkpoint | None = None) -> Checkpoint:
    return builders.checkpoint(db, training_run_id=run.id, parent_id=parent.id if parent else None)


def figures(db: Session, study: Study, run: TrainingRun, pairs: int = 100) -> trouble_figures.RunFigures:
    return trouble_figures.of_run(db, study, run, pairs=pairs)


def test_kl_is_the_highest_that_was_measured(db: Session, study: Study) -> None:
    run = run_of(db, study, accuracies=[1, 0])
    for step, (base, round_) in enumerate([(0.1, 0.02), (0.4, 0.3), (0.35, 0.31)], start=10):
        db.add(Metric(training_run_id=run.id, step=step, values={"kl_base": base, "kl_sampled": round_}))
    db.flush()
    found = figures(db, study, run)
    assert (found.kl_base, found.kl_round) == (0.4, 0.31)


def test_the_clamped_share_is_that_of_the_newest_steps(db: Session, study: Study) -> None:
    run = run_of(db, study)
    for step in range(1, 101):
        share = 1.0 if step > 75 else 0.0
        db.add(Metric(training_run_id=run.id, step=step, values={"clamped_pairs": share}))
    db.flush()
    assert figures(db, study, run).clamped == 0.5


def test_few_steps_say_nothing_of_the_clamp(db: Session, study: Study) -> None:
    run = run_of(db, study, accuracies=[1] * 9, clamped_pairs=0.9)
    assert figures(db, study, run).clamped is None


def test_accuracy_is_pooled_over_the_runs_that_a_policy_descends_from(db: Session, study: Study) -> None:
    first = run_of(db, study, accuracies=[1, 1, 1, 1])
    one = made_by(db, first)
    aside = run_of(db, study, parent=one, accuracies=[0, 0, 0, 0])  # another try of the same round's choices
    made_by(db, aside, one)
    second = run_of(db, study, parent=one, accuracies=[0, 0.5, None])
    two = made_by(db, second, one)
    third = run_of(db, study, parent=two, accuracies=[1, 0])

    assert figures(db, study, third).foretold == Tally(1 + 0.5 + 4, 2 + 2 + 4)
    assert figures(db, study, third, pairs=3).foretold == Tally(1.5, 4)
    assert figures(db, study, third, pairs=2).foretold == Tally(1, 2)
    assert figures(db, study, first).foretold == Tally(4, 4)


def test_later_passes_over_the_same_pairs_do_not_count(db: Session, study: Study) -> None:
    run = run_of(db, study, accuracies=[0, 1])
    db.add(Metric(training_run_id=run.id, step=3, values={"accuracy": 1, "pairs": 1, "epoch": 2}))
    db.flush()
    assert figures(db, study, run).foretold == Tally(1, 2)


def test_a_step_over_several_pairs_counts_them_all(db: Session, study: Study) -> None:
    run = run_of(db, study, accuracies=[0.25, 1.0], pairs=4)
    assert figures(db, study, run).foretold == Tally(5, 8)


def picture(db: Session, group_id: int, number: int, *, apart: float | None, saturation: float) -> None:
    sample = builders.sample(db, group_id=group_id, number=number)
    colours = None if apart is None else apart / 2
    db.add(
        Appearance(
            sample_id=sample.id, apart=apart, colours_apart=colours, brightness=0.5, saturation=saturation, sharpness=0
        )
    )
    db.flush()


def test_pictures_are_compared_with_the_base_models_of_the_same_noise(db: Session, study: Study) -> None:
    groups = [
        builders.group(db, study_id=study.id, draw=draw, sampler=sampler) for sampler in Sampler for draw in range(2)
    ]
    for group, base, own in zip(groups, (0.2, 0.4, 0.9, 0.9), (0.1, 0.05, 0.9, 0.9), strict=True):
        picture(db, group.id, 0, apart=base, saturation=base)
        picture(db, group.id, 1, apart=own, saturation=2 * base)
    builders.group(db, study_id=study.id, draw=2, sampler=Sampler.STUDY)  # not drawn yet

    found = trouble_figures.compared(db, study.id, 1)

    assert found is not None
    assert found.pictures == 2
    assert found.structure == pytest.approx(0.25)
    assert found.colours == pytest.approx(0.25)
    assert (found.brightness, found.saturation, found.sharpness) == (1, pytest.approx(2), None)
    assert trouble_figures.compared(db, study.id, 2) is None


def test_pictures_of_single_draws_have_no_diversity(db: Session, study: Study) -> None:
    group = builders.group(db, study_id=study.id, draw=0, sampler=Sampler.STUDY)
    for number in (0, 1):
        picture(db, group.id, number, apart=None, saturation=0.5)
    found = trouble_figures.compared(db, study.id, 1)
    assert found is not None
    assert (found.structure, found.colours, found.saturation) == (None, None, 1)


def test_pictures_are_compared_once_all_are_drawn(db: Session, study: Study) -> None:
    run = run_of(db, study)
    checkpoint = made_by(db, run)
    group = builders.group(db, study_id=study.id, draw=0, sampler=Sampler.STUDY)
    for number in (0, checkpoint.number):
        picture(db, group.id, number, apart=0.1, saturation=0.5)
    job = builders.job(
        db, study_id=study.id, kind=JobKind.EVALUATION, checkpoint_id=checkpoint.id, state=JobState.WAITING
    )
    assert figures(db, study, run).pictures is None
    job.state = JobState.DONE
    db.flush()
    assert figures(db, study, run).pictures is not None


class Choices:
    """Choices of people on pairs whose pictures two judges scored."""

    def __init__(self, db: Session) -> None:
        self.db = db
        db.add_all(
            [
                Judge(name="bytes", unit="kB", larger_is_better=False),
                Judge(name="taste", unit="", larger_is_better=True),
            ]
        )

    def one(
        self, round_: Round, answer: Answer, *, scores: tuple[float, float] = (1, 2), kind: UserKind = UserKind.PERSON,
        purpose: Purpose = Purpose.COUNTED, judge: str = "taste", **columns: object,
    ) -> int:  # fmt: skip
        pair = builders.pair(self.db, round_id=round_.id)
        user = builders.user(self.db, kind=kind)
        lease = builders.lease(self.db, pair_id=pair.id, user_id=user.id, purpose=purpose)
        builders.choice(self.db, lease_id=lease.id, answer=answer, **columns)
        for sample, value in zip((pair.first_id, pair.second_id), scores, strict=True):
            self.db.add(SampleScore(sample_id=sample, judge=judge, value=value))
        self.db.flush()
        return user.id


@pytest.fixture
def said(db: Session) -> Choices:
    return Choices(db)


def test_a_judge_agrees_where_it_prefers_the_picture_that_was_chosen(db: Session, study: Study, said: Choices) -> None:
    round_ = builders.round_(db, study_id=study.id)
    said.one(round_, Answer.SECOND)
    said.one(round_, Answer.SECOND, scores=(3, 2))
    said.one(round_, Answer.FIRST, scores=(3, 2))
    said.one(round_, Answer.FIRST, judge="bytes")  # the smaller is better
    assert trouble_figures.agreements(db, study.id, newest=10) == [
        Agreement("bytes", Tally(1, 1), Tally(0, 0)),
        Agreement("taste", Tally(2, 3), Tally(0, 0)),
    ]


def test_only_peoples_choices_between_pictures_are_compared(db: Session, study: Study, said: Choices) -> None:
    round_ = builders.round_(db, study_id=study.id)
    said.one(round_, Answer.SECOND)
    said.one(round_, Answer.FIRST, kind=UserKind.JUDGE)
    said.one(round_, Answer.FIRST, purpose=Purpose.REPEAT)
    said.one(round_, Answer.FIRST, undone_at=builders.now())
    said.one(round_, Answer.FIRST, scores=(2, 2))
    for answer in (Answer.TIE, Answer.BOTH_BAD, Answer.SKIP):
        said.one(round_, answer)
    someone = said.one(round_, Answer.FIRST)
    participations.leave_out(db, study_id=study.id, user_id=someone, actor=None)
    said.one(builders.round_(db), Answer.FIRST)  # of another study
    assert trouble_figures.agreements(db, study.id, newest=10) == [Agreement("taste", Tally(1, 1), Tally(0, 0))]


def test_the_newest_choices_are_told_from_those_before(db: Session, study: Study, said: Choices) -> None:
    old, comparison = (
        builders.round_(db, study_id=study.id, kind=kind, state=RoundState.COMPLETE)
        for kind in (RoundKind.PREFERENCE, RoundKind.EVALUATION)
    )
    newest = builders.round_(db, study_id=study.id)
    for round_, answers in ((old, "22"), (comparison, "21"), (newest, "111")):
        for answer in answers:
            said.one(round_, Answer.FIRST if answer == "1" else Answer.SECOND)
    (found,) = trouble_figures.agreements(db, study.id, newest=3)
    assert found == Agreement("taste", Tally(0, 3), Tally(3, 4))
    (found,) = trouble_figures.agreements(db, study.id, newest=4)
    assert found == Agreement("taste", Tally(1, 5), Tally(2, 2))


def test_a_round_tells_its_pairs_that_look_the_same(db: Session, study: Study) -> None:
    round_ = builders.round_(db, study_id=study.id)
    for distance in (0.001, 0.009, 0.01, 0.3, None):
        builders.pair(db, round_id=round_.id, distance=distance)
    found = trouble_figures.of_round(db, round_, distance=0.01)
    assert (found.pairs, found.alike) == (4, 2)


def test_the_runs_that_matter_are_few(db: Session, study: Study) -> None:
    parent: Checkpoint | None = None
    runs = []
    for _ in range(4):
        runs.append(run_of(db, study, parent=parent))
        parent = made_by(db, runs[-1], parent)
    study.current_checkpoint_id = db.scalars(
        select(Checkpoint.id).where(Checkpoint.training_run_id == runs[1].id)
    ).one()
    again = builders.training_run(db, round_id=runs[0].round_id)
    newest = trouble_figures.newest_round(db, study.id)
    assert newest is not None
    assert newest.id == runs[3].round_id
    found = trouble_figures.runs_that_matter(db, study, newest)
    assert [run.id for run in found] == [runs[1].id, runs[2].id, again.id]
