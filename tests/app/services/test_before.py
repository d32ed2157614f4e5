import pytest

from app.errors import Conflict
from app.models import User
from app.services import before, consents, guidelines, studies
from tests import builders


@pytest.fixture
def user(db) -> User:
    return builders.user(db)


def study_with(db, **labeling):
    return builders.study(db, settings=builders.settings(labeling=labeling))


def begin(db, study, user, *, agrees=True, **versions):
    view = before.view(db, study, user)
    given = {"guidelines_version": view.guidelines_version, "consent_version": view.consent_version, **versions}
    return before.begin(db, study, user, agrees=agrees, **given)


def test_a_study_that_asks_for_nothing_lets_everyone_begin(db, user):
    assert before.needed(db, study_with(db), user) is None


def test_guidelines_are_read_once(db, user):
    study = study_with(db, guidelines="Look closely.")
    assert before.needed(db, study, user) == "guidelines"
    assert begin(db, study, user) is None
    assert before.needed(db, study, user) is None
    assert before.needed(db, study, builders.user(db)) == "guidelines"


def test_consent_comes_first_and_reading_alone_is_no_consent(db, user):
    study = study_with(db, guidelines="Look closely.", consent="I take part.")
    assert before.needed(db, study, user) == "consent"
    assert begin(db, study, user, agrees=False) == "consent"
    assert begin(db, study, user) is None


@pytest.mark.parametrize(("field", "step"), [("guidelines", "guidelines"), ("consent", "consent")])
def test_a_changed_text_is_asked_for_again(db, user, field, step):
    study = study_with(db, guidelines="Look closely.", consent="I take part.")
    begin(db, study, user)
    studies.change_labeling(db, study_id=study.id, labeling={field: "Other words."}, actor=None)
    assert before.needed(db, study, user) == step


@pytest.mark.parametrize("text", ["guidelines", "consent"])
def test_a_text_that_changed_while_it_was_read_is_not_taken_as_read(db, user, text):
    study = study_with(db, **{text: "New."})
    assert begin(db, study, user, **{f"{text}_version": guidelines.version("Old.")}) == text
    assert begin(db, study, user) is None


def test_who_takes_consent_back_gets_no_further_pairs(db, user):
    study = study_with(db, consent="I take part.")
    begin(db, study, user)
    before.require(db, study, user)
    consents.withdraw(db, study=study, user=user)
    with pytest.raises(Conflict) as caught:
        before.require(db, study, user)
    assert caught.value.details == {"reload": True, "step": "consent"}


def test_a_study_that_asks_for_an_account_keeps_guests_out(db):
    study = study_with(db, requires_account=True)
    assert before.needed(db, study, builders.user(db, is_guest=True)) == "account"
    assert before.needed(db, study, builders.user(db)) is None
