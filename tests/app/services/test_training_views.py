import pytest

from app.errors import NotFound
from app.models import RoundState, RunState
from app.services import training_views
from tests import builders, scenes


def test_a_round_without_a_run_has_no_training(db):
    assert training_views.of_round(db, builders.round_(db).id) is None


def test_the_newest_run_with_its_progress_and_curves(db):
    round_ = scenes.training_round(db, builders.study(db), steps=60, of=300)
    training = training_views.of_round(db, round_.id)
    assert (training.run.state, training.run.pairs, training.run.steps_done) == (RunState.RUNNING, 40, 60)
    assert (training.steps_total, training.seconds_left) == (300, pytest.approx(240 / 0.8))
    assert len(training.curves["loss"]) == 60
    assert [point.step for point in training.curves["kl_base"]] == [10, 20, 30, 40, 50, 60]


def test_a_long_run_is_thinned_and_keeps_its_last_step(db):
    round_ = builders.round_(db, state=RoundState.TRAINING)
    run = scenes.training_run(db, round_, steps=1003, state=RunState.RUNNING)
    steps = [point.step for point in training_views.curves(db, run.id)["loss"]]
    assert len(steps) <= training_views.MOST_POINTS + 1
    assert steps[-1] == 1003
    assert steps == sorted(steps)


def test_by_step_goes_from_noise_to_picture_and_averages_what_was_trained(db):
    round_ = builders.round_(db, state=RoundState.TRAINING)
    run = builders.training_run(db, training_set_id=builders.training_set(db, round_id=round_.id).id)
    for winner in (0.1, 0.3):
        entries = [
            {"timestep": 51, "gain": 1.6, "r_winner": winner, "r_loser": None, "clamped": 0.5},
            {"timestep": 951, "gain": 0.6, "r_winner": 0.0, "r_loser": -0.1, "clamped": 0.0},
        ]
        builders.metric(db, training_run_id=run.id, values={"loss": 0.69, "by_step": entries})
    rows = training_views.of_round(db, round_.id).by_step
    assert [(row.timestep, row.gain) for row in rows] == [(951, 0.6), (51, 1.6)]
    assert rows[1].r_chosen == pytest.approx(0.2)
    assert rows[1].r_other is None


def test_earlier_runs_stay_in_view_and_can_be_asked_for_by_number(db):
    round_ = builders.round_(db, state=RoundState.TRAINING)
    scenes.training_run(db, round_, steps=5, state=RunState.FAILED, end_reason="The loss is not finite.")
    scenes.training_run(db, round_, steps=2, state=RunState.RUNNING)
    training = training_views.of_round(db, round_.id)
    assert training.run.number == 2
    assert [(run.number, run.end_reason) for run in training.earlier] == [(1, "The loss is not finite.")]
    assert training_views.run_of_round(db, round_.id, None).number == 2
    assert training_views.run_of_round(db, round_.id, 1).steps_done == 5
    with pytest.raises(NotFound):
        training_views.run_of_round(db, round_.id, 3)
