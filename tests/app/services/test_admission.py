"""A guest is where their invites lead, and nowhere else."""

import pytest

from app.errors import NotFound
from app.models import InviteUse
from app.services import admission, before, invites
from tests import builders


def came_in(db, user, study=None):
    invite, _ = invites.make(db, name="Panel", actor=None, study_id=study.id if study else None)
    db.add(InviteUse(invite_id=invite.id, user_id=user.id))
    db.flush()


@pytest.fixture
def guest(db):
    return builders.user(db, is_guest=True)


@pytest.fixture
def named(db):
    return builders.study(db)


@pytest.fixture
def other(db):
    return builders.study(db)


def test_a_guest_reaches_the_studies_of_their_invites_alone(db, guest, named, other):
    third = builders.study(db)
    came_in(db, guest, named)
    came_in(db, guest, third)
    assert admission.opened(db, guest) == {named.id, third.id}
    assert admission.study_for(db, named.id, user=guest) is named
    with pytest.raises(NotFound):
        admission.study_for(db, other.id, user=guest)


def test_to_a_guest_another_study_is_as_one_that_does_not_exist(db, guest, named, other):
    came_in(db, guest, named)
    said = []
    for study_id in (other.id, other.id + 1_000_000):
        with pytest.raises(NotFound) as caught:
            admission.study_for(db, study_id, user=guest)
        said.append(str(caught.value).replace(str(study_id), "N"))
    assert said[0] == said[1]


def test_an_invite_to_the_whole_site_opens_all_studies(db, guest, named, other):
    came_in(db, guest, named)
    came_in(db, guest)
    assert admission.opened(db, guest) is None
    admission.require(db, other, guest)


def test_what_others_came_in_by_opens_nothing(db, guest, named, other):
    came_in(db, guest, named)
    came_in(db, builders.user(db, is_guest=True), other)
    with pytest.raises(NotFound):
        admission.require(db, other, guest)


def test_whoever_has_an_account_may_answer_everywhere(db, guest, named, other):
    came_in(db, guest, named)
    guest.is_guest = False
    assert admission.opened(db, guest) is None
    admission.require(db, other, guest)


def test_the_gate_in_front_of_pairs_asks_it_too(db, guest, named, other):
    came_in(db, guest, named)
    before.require(db, named, guest)
    with pytest.raises(NotFound):
        before.require(db, other, guest)
