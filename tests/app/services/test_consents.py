import pytest
from sqlalchemy import func, select

from app.errors import Conflict
from app.models import Consent, Event, Lease
from app.services import consents, guidelines, studies
from tests import builders

TEXT = "You may stop at **any** time."


@pytest.fixture
def study(db):
    return builders.study(db, settings=builders.settings(labeling={"consent": TEXT}))


@pytest.fixture
def user(db):
    return builders.user(db)


def agree(db, study, user, text=TEXT):
    return consents.give(db, study=study, user=user, version=guidelines.version(text))


def standing(db, study, user, text=TEXT):
    return consents.standing(db, study_id=study.id, user=user, text=text)


def history(db):
    return list(db.scalars(select(Event.what).where(Event.what.like("consent%")).order_by(Event.id)))


def test_consent_is_kept_with_its_words_their_version_and_the_time(db, study, user):
    given = agree(db, study, user)
    assert (given.text, given.version) == (TEXT, guidelines.version(TEXT))
    assert given.given_at is not None
    assert standing(db, study, user) is given
    assert history(db) == ["consent.given"]


def test_agreeing_twice_changes_nothing(db, study, user):
    assert agree(db, study, user).id == agree(db, study, user).id
    assert history(db) == ["consent.given"]


def test_a_changed_text_has_no_consent_and_the_old_words_stay(db, study, user):
    agree(db, study, user)
    studies.change_labeling(db, study_id=study.id, labeling={"consent": "Other words"}, actor=None)
    assert standing(db, study, user, "Other words") is None
    with pytest.raises(Conflict):
        agree(db, study, user)  # a page from before the change
    agree(db, study, user, "Other words")
    assert sorted(db.scalars(select(Consent.text))) == ["Other words", TEXT]


def test_withdrawn_consent_stands_no_more_and_frees_the_pairs_held(db, study, user):
    agree(db, study, user)
    round_ = builders.round_(db, study_id=study.id)
    lease = builders.lease(db, user_id=user.id, pair_id=builders.pair(db, round_id=round_.id).id)
    elsewhere = builders.lease(db, user_id=user.id)
    consents.withdraw(db, study=study, user=user)
    assert standing(db, study, user) is None
    assert consents.withdrawn(db, study_id=study.id, user=user)
    live = db.scalars(select(Lease.id).where(Lease.expires_at > func.now())).all()
    assert (lease.id in live, elsewhere.id in live) == (False, True)


def test_agreeing_again_after_withdrawing_stands_and_the_history_tells_all(db, study, user):
    agree(db, study, user)
    consents.withdraw(db, study=study, user=user)
    agree(db, study, user)
    assert standing(db, study, user) is not None
    assert not consents.withdrawn(db, study_id=study.id, user=user)
    assert history(db) == ["consent.given", "consent.withdrawn", "consent.given"]


def test_withdrawing_what_was_never_given_writes_nothing(db, study, user):
    consents.withdraw(db, study=study, user=user)
    assert history(db) == []
