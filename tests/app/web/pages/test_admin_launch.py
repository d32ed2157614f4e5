"""Launching a round with other settings than its study's: seen before, kept with the round, and the study as it was."""

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Event, Round, RoundState, Study
from app.services import studies
from app.study_settings import validated
from tests import builders


@pytest.fixture
def study(factory) -> Study:
    with transaction(factory) as session:
        return builders.study(session)


def launched(factory) -> Round:
    with transaction(factory) as session:
        return session.scalars(select(Round)).one()


def test_the_form_shows_the_study_s_values_and_that_nothing_differs_yet(admin, study):
    page = admin.get(f"/admin/studies/{study.id}/launch").text
    rate = f"{validated(study.settings).training.learning_rate:g}"
    assert f'name="training.learning_rate" value="" placeholder="{rate}"' in page
    assert "Nothing yet: the round draws, asks and trains as the study says." in page
    for of_the_study in ("labeling.guidelines", "labeling.consent", "sampling.eval_draws", "watching."):
        assert of_the_study not in page
    assert f"/admin/studies/{study.id}/launch" in admin.get(f"/admin/studies/{study.id}").text


@pytest.mark.parametrize("way", ["look", "check"])
def test_what_differs_is_shown_before_anything_is_launched(admin, factory, study, way):
    given = {"training.learning_rate": "0.0007", "labeling.choices_per_pair": "3", "sampling.steps": ""}
    told = admin.submit(f"/admin/studies/{study.id}/launch/{way}", **given).text
    shown = told.split('id="differs"')[1].split("</section>")[0]
    assert "Unlike the study" in shown
    assert "Learning rate" in shown
    assert "0.0007" in shown
    assert "Choices per pair" in shown
    assert "Steps" not in shown
    with transaction(factory) as session:
        assert session.scalars(select(Round)).all() == []


def test_the_round_has_what_was_given_and_the_study_stays_as_it_is(admin, factory, study):
    given = {"training.learning_rate": "0.0007", "sampling.groups": "5", "labeling.allow_tie": "no", "in_a_row": "2"}
    answer = admin.submit(f"/admin/studies/{study.id}/launch", **given)
    round_ = launched(factory)
    assert answer.headers["location"] == f"/admin/rounds/{round_.id}"
    before, own = validated(study.settings), validated(round_.settings)
    assert (own.training.learning_rate, round_.groups, own.labeling.allow_tie) == (0.0007, 5, False)
    assert round_.differs == {
        "sampling.groups": [before.sampling.groups, 5],
        "labeling.allow_tie": [True, False],
        "training.learning_rate": [before.training.learning_rate, 0.0007],
    }
    with transaction(factory) as session:
        assert session.get_one(Study, study.id).settings == study.settings
        assert session.get_one(Study, study.id).auto_rounds == 1
        event = session.scalars(select(Event).where(Event.what == "round.launched")).one()
    assert event.details["differs"] == round_.differs


def test_the_round_s_page_tells_what_differed_also_once_the_study_has_changed(admin, factory, study):
    admin.submit(f"/admin/studies/{study.id}/launch", **{"training.learning_rate": "0.0007"})
    round_ = launched(factory)
    with transaction(factory) as session:
        same = {"training": {"learning_rate": 0.0007, "rank": 8}}
        studies.change(session, study_id=study.id, settings=same, actor=None)
    page = admin.get(f"/admin/rounds/{round_.id}").text
    shown = page.split('id="differs"')[1].split("</section>")[0]
    assert f"{validated(study.settings).training.learning_rate:g}" in shown
    assert "0.0007" in shown
    assert "Rank" not in shown


def test_a_round_launched_as_the_study_says_tells_of_no_difference(admin, factory, study):
    admin.submit(f"/admin/studies/{study.id}/launch", **{"training.learning_rate": "", "in_a_row": "1"})
    round_ = launched(factory)
    assert (round_.settings, round_.differs) == (study.settings, {})
    assert "Unlike the study" not in admin.get(f"/admin/rounds/{round_.id}").text


def test_values_that_cannot_be_used_come_back_beside_their_fields(admin, factory, study):
    given = {"training.learning_rate": "7", "sampling.groups": "5"}
    refused = admin.submit(f"/admin/studies/{study.id}/launch", **given)
    assert refused.status_code == 422
    assert "less than or equal to 1" in refused.text
    assert 'name="training.learning_rate" value="7"' in refused.text
    assert 'name="sampling.groups" value="5"' in refused.text
    with transaction(factory) as session:
        assert session.scalars(select(Round)).all() == []


def test_what_belongs_to_the_study_is_not_a_round_s_own(admin, study):
    refused = admin.submit(f"/admin/studies/{study.id}/launch", **{"labeling.consent": "I agree."})
    assert refused.status_code == 422
    assert "No round has settings of its own for: labeling.consent." in refused.text


def test_beside_an_open_round_it_is_refused_and_what_was_written_stays(admin, factory, study):
    with transaction(factory) as session:
        builders.round_(session, study_id=study.id, state=RoundState.LABELING)
    refused = admin.submit(f"/admin/studies/{study.id}/launch", **{"training.learning_rate": "0.0007"})
    assert refused.status_code == 409
    assert "open already" in refused.text
    assert 'value="0.0007"' in refused.text


def test_only_an_admin_launches(annotator, researcher, anonymous, study):
    path = f"/admin/studies/{study.id}/launch"
    assert [client.get(path).status_code for client in (annotator, researcher, anonymous)] == [403, 403, 401]
