import pytest

from app.models import InviteUse
from app.services import endings, invites, participations
from tests import builders


@pytest.fixture
def user(db):
    return builders.user(db)


@pytest.fixture
def round_(db):
    return builders.round_(db)


def invited(db, user, round_, **columns):
    invite, _ = invites.make(db, name="Panel", actor=None, study_id=round_.study_id, completion_code="C0DE", **columns)
    db.add(InviteUse(invite_id=invite.id, user_id=user.id))
    db.flush()


def answer(db, user, round_, times):
    for _ in range(times):
        pair = builders.pair(db, round_id=round_.id)
        builders.choice(db, pair_id=pair.id, user_id=user.id)


def is_earned(db, user, round_):
    ending = invites.ending(db, study_id=round_.study_id, user=user)
    return endings.is_earned(db, study_id=round_.study_id, user=user, ending=ending)


def test_it_is_earned_with_the_wanted_number(db, user, round_):
    invited(db, user, round_, choices_wanted=3)
    answer(db, user, round_, 2)
    builders.pair(db, round_id=round_.id)
    assert not is_earned(db, user, round_)
    answer(db, user, round_, 1)
    assert is_earned(db, user, round_)


@pytest.mark.parametrize("wanted", [None, 50])
def test_it_is_earned_when_nothing_is_left_to_answer(db, user, round_, wanted):
    invited(db, user, round_, choices_wanted=wanted)
    answer(db, user, round_, 2)
    assert is_earned(db, user, round_)


def test_nothing_is_earned_by_nothing(db, user, round_):
    invited(db, user, round_)
    assert not is_earned(db, user, round_)


def test_nothing_is_earned_while_one_is_paused(db, user, round_):
    invited(db, user, round_)
    answer(db, user, round_, 2)
    participations.pause(db, study_id=round_.study_id, user_id=user.id, reason="", actor=None)
    assert not is_earned(db, user, round_)
