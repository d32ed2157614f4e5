"""What the benchmark of the site finds wrong, it finds."""

import math
import uuid

import pytest

from app.models import Answer
from bench.annotators import Handed, Made, Record
from bench.bookkeeping import crowded, lost_and_double, over_quota
from tests import builders


def record_of(*choices, acknowledged: bool = True) -> Record:
    """What an annotator would remember of these rows."""
    made = {
        choice.key: Made(choice.pair_id, choice.lease_id, choice.answer.value, 0.0, acknowledged=acknowledged)
        for choice in choices
    }
    return Record(made=made)


def test_a_record_that_the_database_shares_has_nothing_lost_or_double(db):
    choices = [builders.choice(db), builders.choice(db, answer=Answer.TIE)]
    assert lost_and_double(db, [record_of(*choices)]) == (0, 0)


def test_an_acknowledged_answer_that_is_not_stored_is_lost(db):
    unknown = {uuid.uuid4(): Made(1, 1, "first", 0.0, acknowledged=True)}
    assert lost_and_double(db, [Record(made=unknown)]) == (1, 0)


def test_an_answer_that_was_never_acknowledged_is_not_lost(db):
    unknown = {uuid.uuid4(): Made(1, 1, "first", 0.0)}
    assert lost_and_double(db, [Record(made=unknown)]) == (0, 0)


def test_an_answer_that_is_stored_as_another_one_is_lost(db):
    record = record_of(choice := builders.choice(db, answer=Answer.FIRST))
    record.made[choice.key].answer = "second"
    assert lost_and_double(db, [record]) == (1, 0)


def test_a_choice_that_nobody_made_is_double(db):
    builders.choice(db)
    assert lost_and_double(db, []) == (0, 1)


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (Handed(1, given=5, expires=15), 1),  # while the first is live
        (Handed(1, given=10, expires=20), 0),  # when it has run out
        (Handed(2, given=5, expires=15), 0),  # another pair
    ],
)
def test_a_place_that_is_handed_out_twice_is_counted_while_both_leases_live(second, found):
    assert crowded([second, Handed(1, given=0, expires=10)], places=1) == found


def test_a_filled_place_is_never_free_again():
    assert crowded([Handed(1, given=0, expires=math.inf), Handed(1, given=1000, expires=1180)], places=1) == 1


def test_leases_in_the_database_are_held_against_the_places_too(db):
    pair = builders.pair(db)
    for _ in range(3):
        builders.lease(db, pair_id=pair.id)
    assert over_quota(db, [], places=3) == 0
    assert over_quota(db, [], places=2) == 1
