import math

import pytest

from app.models import Answer
from app.services import ranking
from app.services.bradley_terry import Open
from app.services.evaluation_views import Policy
from tests import builders
from tests.comparisons import ONE, OTHER, checkpoint, comparison, judged
from tests.queries import counted


def test_policies_are_ranked_by_all_comparisons_with_their_chance_against_the_base(db):
    study = builders.study(db)
    first, second = checkpoint(db, study), checkpoint(db, study)
    judged(db, comparison(db, study, first.id, None), ONE, ONE, ONE, OTHER)
    judged(db, comparison(db, study, second.id, first.id), ONE, OTHER, OTHER, Answer.TIE, Answer.TIE, Answer.SKIP)
    with counted(db.get_bind()) as queries:
        found = ranking.of_study(db, study.id)
    assert len(queries) == 1
    assert [(one.place, one.policy.number) for one in found.standings] == [(1, 1), (2, 2), (3, 0)]
    best, next_, base = found.standings
    assert (best.policy, base.policy) == (Policy(first.id, 1), Policy(None, 0))
    assert best.rate.value == pytest.approx(0.75)
    assert next_.strength.value == pytest.approx(math.log(3) + math.log(2 / 3))
    assert (base.rate.value, base.rate.low, base.rate.high) == (0.5, 0.5, 0.5)
    assert best.rate.low < best.rate.value < best.rate.high
    assert (found.choices, found.compared, found.is_empty) == (9, {0, 1, 2}, False)


def test_who_was_never_beaten_is_open_above_and_who_is_apart_is_named(db):
    study = builders.study(db)
    made = [checkpoint(db, study) for _ in range(3)]
    judged(db, comparison(db, study, made[0].id, None), ONE, ONE)
    judged(db, comparison(db, study, made[2].id, made[1].id), ONE, OTHER)
    found = ranking.of_study(db, study.id)
    assert (found.standings[0].strength.open, found.standings[0].rate.high) == (Open.HIGH, 1.0)
    assert [policy.number for policy in found.apart] == [2, 3]


def test_nothing_is_told_where_nobody_compared_with_the_base(db):
    study = builders.study(db)
    found = ranking.of_study(db, study.id)
    assert (found.is_empty, found.choices, found.compared) == (True, 0, set())
