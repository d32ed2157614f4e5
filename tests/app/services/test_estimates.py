"""What a round will cost, worked by hand."""

from datetime import timedelta

from sqlalchemy.orm import Session

from app.models import JobState, RoundState, RunState, Study
from app.paths import DEMO
from app.services import base_models, estimates
from app.services.estimates import Estimate
from app.study_settings import StudySettings, load_preset, merged
from tests import builders
from tests.queries import counted

SMALL = {"sampling": {"groups": 10, "samples_per_group": 3, "steps": 4}, "training": {"hold_out": True}}


def small(**changes: dict) -> StudySettings:
    return merged(StudySettings.model_validate(SMALL), changes)


def worked(db: Session) -> Study:
    """A study whose one round drew 5 groups of 2 at 4 steps in 8 s and trained 2 groups (16 states) in 32 s."""
    study = builders.study(db, settings=builders.settings(sampling={"steps": 4}))
    round_ = builders.round_(db, study_id=study.id, state=RoundState.COMPLETE, ended_at=builders.now())
    ended = builders.now()
    builders.job(
        db, study_id=study.id, round_id=round_.id, state=JobState.DONE, payload={"groups": 5},
        claimed_at=ended - timedelta(seconds=8), ended_at=ended,
    )  # fmt: skip
    items = [{"group": n, "pair": n, "held_out": n == 2} for n in range(3)]
    frozen = builders.training_set(db, round_id=round_.id, items=items)
    builders.training_run(
        db, training_set_id=frozen.id, state=RunState.FINISHED, summary={"seconds": 32},
        settings=builders.settings()["training"],
    )  # fmt: skip
    pair = builders.pair(db, round_id=round_.id)
    builders.choice(db, pair_id=pair.id, response_ms=1500)
    return study


def of(db: Session, study: Study | None, settings: StudySettings, prompts: int | None = 6) -> Estimate:
    model = base_models.get(db, study.base_model_id) if study else None
    return estimates.of_round(db, settings, model=model, evaluation_prompts=prompts)


def test_counts_follow_from_the_settings(db: Session) -> None:
    found = of(db, None, small(labeling={"choices_per_pair": 2}))
    assert (found.samples, found.pairs, found.choices) == (30, 30, 60)
    assert found.evaluation_pictures == 6 * 4 * 2
    assert found.optimizer_steps == 9  # one group of ten is held out
    assert of(db, None, small(labeling={"pairs_shown": "neighbours"})).pairs == 20
    assert of(db, None, small(labeling={"pairs_shown": "most_different"})).pairs == 10
    assert of(db, None, small(labeling={"counted": "judges"})).choices == 0
    assert of(db, None, small(training={"groups_per_step": 4, "inner_epochs": 2})).optimizer_steps == 5


def test_what_was_never_measured_is_not_told(db: Session) -> None:
    found = of(db, builders.study(db), small())
    assert (found.draw_seconds, found.train_seconds, found.picture_bytes, found.machine_seconds) == (None,) * 4
    assert of(db, None, small()).trajectory_bytes is None


def test_times_scale_with_pictures_and_steps_as_this_instance_measured_them(db: Session) -> None:
    found = of(db, worked(db), small())
    assert found.draw_seconds == 30 * 4 * 0.2  # 8 s for 5 groups of 2 at 4 steps
    assert found.train_seconds == 9 * 3 * 4 * 2.0  # 32 s for 2 groups of 2 at 4 steps
    assert found.evaluation_seconds == 48 * 4 * 0.2
    assert found.people_seconds == 30 * 1.5
    assert found.machine_seconds == found.draw_seconds + found.train_seconds + found.evaluation_seconds
    assert found.measured.draw
    assert found.measured.draw.of == 1
    halved = of(db, worked(db), small(training={"steps_per_pair": 2}))
    assert halved.train_seconds == found.train_seconds / 2


def test_measurements_of_another_model_or_size_do_not_count(db: Session) -> None:
    study = worked(db)
    assert of(db, builders.study(db), small()).draw_seconds is None
    assert of(db, study, small(sampling={"height": 128, "width": 128})).draw_seconds is None


def test_pictures_are_as_large_as_those_that_were_drawn(db: Session) -> None:
    study = worked(db)
    found = of(db, study, small())
    assert found.measured.picture
    assert found.picture_bytes == (30 + 48) * found.measured.picture.value


def test_a_trajectory_is_its_latents_after_each_step_and_is_kept_for_four_rounds(db: Session) -> None:
    paper = load_preset("paper")[0]
    sd15 = builders.base_model(db, image_size=512)
    assert estimates.trajectory_bytes(paper, sd15) == 655_360  # 20 steps of 4×64×64 in fp16
    demo = builders.base_model(db, source=str(DEMO / "model"))
    assert estimates.trajectory_bytes(paper, demo) == 20 * 4 * 16 * 16 * 2
    found = estimates.of_round(db, paper, model=sd15)
    assert found.trajectory_bytes == 160 * 655_360
    assert found.kept_trajectory_bytes == 4 * 160 * 655_360


def test_more_rounds_take_no_more_queries(db: Session) -> None:
    study = worked(db)
    engine = db.get_bind().engine
    with counted(engine) as few:
        of(db, study, small())
    for _ in range(5):
        builders.round_(db, study_id=study.id, state=RoundState.COMPLETE, ended_at=builders.now())
    with counted(engine) as many:
        of(db, study, small())
    assert len(many) == len(few)
