import pytest
from sqlalchemy import select

from app.errors import NotFound
from app.models import Group, Pair, Round, RoundKind, RoundState, Sample, Sampler, TrainingRun
from app.services import participations, studies, thanks
from tests import builders, scenes


@pytest.fixture
def study(db):
    return builders.study(db)


@pytest.fixture
def checkpoint(db, study):
    """A complete round's checkpoint with evaluation pictures, and those of the base."""
    return scenes.checkpoint(db, study)


@pytest.fixture
def round_(db, checkpoint):
    return db.get_one(Round, db.get_one(TrainingRun, checkpoint.training_run_id).round_id)


def worked_on(db, round_, **columns):
    """Someone with a choice in the round."""
    user = builders.user(db)
    participations.of(db, study_id=round_.study_id, user=user)
    pair_id = db.scalars(select(Pair.id).where(Pair.round_id == round_.id)).first()
    builders.choice(db, pair_id=pair_id, user_id=user.id, **columns)
    return user


def noticed(db, user):
    return [one.round_id for one in thanks.waiting(db, user)]


def test_who_worked_on_a_round_is_thanked_once_it_has_trained(db, round_, study):
    user = worked_on(db, round_)
    assert noticed(db, user) == [round_.id]
    shown = thanks.of_round(db, round_.id, user=user)
    assert (shown.number, shown.mine, shown.choices, shown.people) == (1, 1, 7, 2)
    assert len(shown.rows) == 4
    assert noticed(db, user) == []
    assert thanks.of_round(db, round_.id, user=user).rows == shown.rows  # it can be looked at again


def test_each_row_shows_the_policy_before_and_after_at_eta_0_from_the_same_noise(db, round_, checkpoint):
    for row in thanks.of_round(db, round_.id, user=worked_on(db, round_)).rows:
        before, after = (db.get_one(Sample, picture.sample_id) for picture in row.pictures)
        assert (before.checkpoint_id, after.checkpoint_id) == (None, checkpoint.id)
        assert before.group_id == after.group_id
        assert db.get_one(Group, before.group_id).sampler is Sampler.DDIM  # no evaluation round pairs these


def test_the_second_round_is_measured_against_the_policy_that_drew_it(db, study, checkpoint):
    second = scenes.checkpoint(db, study, parent=checkpoint)
    round_ = db.get_one(Round, db.get_one(TrainingRun, second.training_run_id).round_id)
    user = worked_on(db, round_)
    before, _ = thanks.of_round(db, round_.id, user=user).rows[0].pictures
    assert db.get_one(Sample, before.sample_id).checkpoint_id == checkpoint.id


def test_who_did_not_work_on_it_or_came_late_is_not_thanked(db, round_):
    for user in (builders.user(db), worked_on(db, round_, late=True), worked_on(db, round_, undone_at=builders.now())):
        participations.of(db, study_id=round_.study_id, user=user)
        assert noticed(db, user) == []
        with pytest.raises(NotFound):
            thanks.of_round(db, round_.id, user=user)


def test_a_study_may_leave_it_out(db, round_, study):
    user = worked_on(db, round_)
    studies.change_labeling(db, study_id=study.id, labeling={"thank_you": False}, actor=None)
    assert noticed(db, user) == []


def test_nobody_is_thanked_before_the_pictures_of_both_are_drawn(db, study):
    round_ = scenes.training_round(db, study, state=RoundState.COMPLETE, ended_at=builders.now())
    run_id = db.scalars(select(TrainingRun.id).where(TrainingRun.round_id == round_.id)).one()
    made = builders.checkpoint(db, training_run_id=run_id)
    user = worked_on(db, round_)
    scenes.evaluation_pictures(db, study, None, number=0)
    assert noticed(db, user) == []
    scenes.evaluation_pictures(db, study, made.id, number=made.number)
    assert noticed(db, user) == [round_.id]


@pytest.mark.parametrize("which", ["before", "after", "other"])
def test_it_waits_while_a_blind_comparison_of_either_policy_is_open(db, study, round_, checkpoint, which):
    """Whoever saw which pictures come after training could tell the sides of the comparison apart."""
    user = worked_on(db, round_)
    second = scenes.checkpoint(db, study, parent=checkpoint)
    third = scenes.checkpoint(db, study, parent=second)
    compared = {"before": (None, third.id), "after": (third.id, checkpoint.id), "other": (second.id, third.id)}[which]
    comparison = builders.round_(
        db, study_id=study.id, kind=RoundKind.EVALUATION, checkpoint_id=compared[0], other_checkpoint_id=compared[1]
    )
    assert noticed(db, user) == ([round_.id] if which == "other" else [])
    if which != "other":
        with pytest.raises(NotFound):
            thanks.of_round(db, round_.id, user=user)
    comparison.state, comparison.ended_at = RoundState.COMPLETE, builders.now()
    db.flush()
    assert noticed(db, user) == [round_.id]
