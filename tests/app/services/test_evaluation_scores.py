import math
from statistics import fmean, stdev

import pytest

from app.models import Sampler, SampleScore
from app.services import evaluation_scores, judges
from app.services.measures import Mean
from tests import builders, scenes
from tests.queries import counted

JUDGE = "clip"
BASE = (1.0, 2.0, 4.0, 9.0)
LATER = (2.0, 2.5, 6.0, 9.0)


def scored(session, study, checkpoint, values, *, judge=JUDGE, sampler=Sampler.STUDY):
    """A picture of a policy for each value, prompt by prompt."""
    groups = [group for group in scenes.evaluation_groups(session, study, 1) if group.sampler == sampler]
    for group, value in zip(groups, values, strict=False):
        sample = builders.sample(
            session, group_id=group.id, number=checkpoint.number if checkpoint else 0,
            checkpoint_id=checkpoint.id if checkpoint else None,
        )  # fmt: skip
        session.add(SampleScore(sample_id=sample.id, judge=judge, value=value))
    evaluation_scores.count(session, study.id, checkpoint.number if checkpoint else 0)


@pytest.fixture
def study(db):
    return builders.study(db)


@pytest.fixture
def checkpoint(db, study):
    round_ = builders.round_(db, study_id=study.id, state="complete")
    return builders.checkpoint(db, training_run_id=builders.training_run(db, round_id=round_.id).id)


def half(values):
    return 1.959964 * stdev(values) / math.sqrt(len(values))


def test_means_have_their_interval_and_differences_are_paired(db, study, checkpoint):
    scored(db, study, None, BASE)
    scored(db, study, checkpoint, LATER)
    (found,) = evaluation_scores.of_study(db, study.id)
    base, later = found.policies
    assert (base.policy.number, base.difference, later.policy.checkpoint_id) == (0, None, checkpoint.id)
    assert (base.mean.mean, base.mean.high) == pytest.approx((4, 4 + half(BASE)))
    differences = [after - before for before, after in zip(BASE, LATER, strict=True)]
    assert later.difference.mean == pytest.approx(fmean(differences))
    assert later.difference.low == pytest.approx(fmean(differences) - half(differences))
    assert (later.pictures, later.paired) == (4, 4)


def test_only_pictures_that_both_have_are_paired(db, study, checkpoint):
    scored(db, study, None, BASE[:2])
    scored(db, study, checkpoint, LATER)
    later = evaluation_scores.of_study(db, study.id)[0].policies[1]
    assert (later.pictures, later.paired) == (4, 2)
    assert later.difference.mean == pytest.approx(0.75)


def test_samplers_and_judges_stand_apart(db, study):
    scored(db, study, None, BASE, judge="a")
    scored(db, study, None, LATER, judge="b", sampler=Sampler.DDIM)
    found = evaluation_scores.of_study(db, study.id)
    assert [(one.judge, [(score.sampler, score.mean.mean) for score in one.policies]) for one in found] == [
        ("a", [(Sampler.STUDY, 4.0)]),
        ("b", [(Sampler.DDIM, 4.875)]),
    ]
    assert [one.judge for one in evaluation_scores.of_study(db, study.id, judge="b")] == ["b"]


def test_which_way_is_better_is_the_judges_to_say(db, study, checkpoint):
    scored(db, study, None, (1.0, 1.0, 1.0, 1.0))
    scored(db, study, checkpoint, (2.0, 2.1, 1.9, 2.0))
    (unknown,) = evaluation_scores.of_study(db, study.id)
    difference = unknown.policies[1].difference
    assert (unknown.unit, unknown.larger_is_better, unknown.is_better(difference)) == (None, None, None)
    judges.know(db, name=JUDGE, unit="points", larger_is_better=False)
    (known,) = evaluation_scores.of_study(db, study.id)
    assert (known.unit, known.is_better(difference)) == ("points", False)
    assert known.is_better(Mean(-1, -2, -0.5)) is True
    assert known.is_better(Mean(-1, -2, 0.5)) is None


def test_a_single_picture_tells_nothing_of_chance(db, study, checkpoint):
    scored(db, study, None, BASE[:1])
    scored(db, study, checkpoint, LATER[:1])
    judges.know(db, name=JUDGE, unit="points", larger_is_better=True)
    (found,) = evaluation_scores.of_study(db, study.id)
    difference = found.policies[1].difference
    assert (difference.mean, difference.low, difference.high) == (1, -math.inf, math.inf)
    assert found.is_better(difference) is None


def test_however_many_checkpoints_it_is_one_query(db):
    study = builders.study(db)
    parent = None
    for _ in range(3):
        parent = scenes.checkpoint(db, study, parent=parent, draws=1)
    with counted(db.get_bind()) as queries:
        (found,) = evaluation_scores.of_study(db, study.id)
    assert len(queries) == 1
    assert len(found.policies) == 4 * 2
