"""Agreement, against the worked example of the literature and against sums done by hand."""

import random

import krippendorff
import numpy as np
import pytest

from app.models import Answer, Purpose, Round, UserKind
from app.services import agreement, participations
from app.services.agreement import Alpha, WithOthers
from tests import builders

F, S, T, B = Answer.FIRST, Answer.SECOND, Answer.TIE, Answer.BOTH_BAD
# the three coders of Krippendorff's "Computing Krippendorff's Alpha-Reliability" as Wikipedia works it: nominal 0.691
EXAMPLE = {
    "A": [None, None, None, None, None, 3, 4, 1, 2, 1, 1, 3, 3, None, 3],
    "B": [1, None, 2, 1, 3, 3, 4, 3, None, None, None, None, None, None, None],
    "C": [None, None, 2, 1, 3, 4, 4, None, 2, 1, 1, 3, 3, None, 4],
}


def said(session, round_, table):
    """A round whose pairs (columns) these people (rows) answered; a list of their users."""
    pairs = [builders.pair(session, round_id=round_.id) for _ in next(iter(table.values()))]
    people = [builders.user(session) for _ in table]
    for person, row in zip(people, table.values(), strict=True):
        for pair, value in zip(pairs, row, strict=True):
            if value is not None:
                builders.choice(session, pair_id=pair.id, user_id=person.id, answer=value)
    return people, pairs


def test_alpha_is_that_of_the_worked_example(db):
    round_ = builders.round_(db)
    values = {1: F, 2: S, 3: T, 4: B, None: None}
    said(db, round_, {coder: [values[v] for v in row] for coder, row in EXAMPLE.items()})
    found = agreement.alpha(db, Round.id == round_.id)
    assert (found.value, found.pairs) == (pytest.approx(0.691358, abs=1e-6), 12)


def test_alpha_of_many_pairs_is_that_of_the_library():
    chance = random.Random(3)
    spread = agreement.Patterns()
    for _ in range(30):
        spread[tuple(chance.choices((0, 0, 1, 2, 3), k=4))] += chance.randrange(1, 50)
    counts, pairs = np.array([list(one) for one in spread]), np.array(list(spread.values()))
    expected = krippendorff.alpha(value_counts=counts.repeat(pairs, axis=0), level_of_measurement="nominal")
    assert agreement.alpha_of(spread).value == pytest.approx(expected, abs=1e-12)


def test_a_skip_is_a_missing_value_and_a_judge_and_gold_take_no_part(db):
    round_ = builders.round_(db)
    (_, grace), pairs = said(db, round_, {"ada": [F, S, F, F], "grace": [F, S, S, Answer.SKIP]})
    judge = builders.user(db, kind=UserKind.JUDGE)
    builders.choice(db, pair_id=pairs[0].id, user_id=judge.id, answer=S)
    gold = builders.lease(db, pair_id=pairs[3].id, user_id=grace.id, purpose=Purpose.GOLD)
    builders.choice(db, lease_id=gold.id, answer=S)
    # coincidences of FF, SS, FS: o_FF = 2, o_SS = 2, o_FS = o_SF = 1; n_F = n_S = 3, n = 6
    # alpha = 1 - (n - 1) * o_FS / (n_F * n_S) = 1 - 5 * 1 / 9
    assert agreement.alpha(db, Round.id == round_.id).value == pytest.approx(1 - 5 / 9)


def test_where_nobody_answered_twice_or_all_said_the_same_there_is_no_alpha(db):
    round_ = builders.round_(db)
    assert agreement.alpha(db, Round.id == round_.id) == Alpha(None, 0)
    said(db, round_, {"ada": [F, F], "grace": [F, F]})
    assert agreement.alpha(db, Round.id == round_.id) == Alpha(None, 2)


def test_who_is_left_out_is_compared_with_the_others_but_never_the_others_with_them(db):
    round_ = builders.round_(db)
    (ada, grace, mallory), _ = said(db, round_, {"ada": [F, S], "grace": [F, S], "mallory": [S, F]})
    everyone = [ada.id, grace.id, mallory.id]
    assert agreement.with_others(db, everyone, Round.id == round_.id) == {
        ada.id: WithOthers(0.5, 2), grace.id: WithOthers(0.5, 2), mallory.id: WithOthers(0.0, 2),
    }  # fmt: skip
    participations.leave_out(db, study_id=round_.study_id, user_id=mallory.id, actor=None)
    assert agreement.with_others(db, everyone, Round.id == round_.id) == {
        ada.id: WithOthers(1.0, 2), grace.id: WithOthers(1.0, 2), mallory.id: WithOthers(0.0, 2),
    }  # fmt: skip
    assert agreement.alpha(db, Round.id == round_.id).value == 1.0
