"""Reading guidelines and agreeing over the API, until pairs can be had."""

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Consent
from app.services import guidelines, studies
from tests import builders

TEXTS = {"guidelines": "Look at **both**.", "consent": "You may stop."}


@pytest.fixture
def make_study(factory, artifacts):
    def make(**labeling):
        with transaction(factory) as session:
            study = builders.study(session, settings=builders.settings(labeling=labeling))
            builders.pair(session, round_id=builders.round_(session, study_id=study.id).id, artifacts=artifacts)
            return study.id

    return make


def before(client, study):
    return client.get(f"/api/v1/studies/{study}/before").json()


def next_(client, study):
    return client.get(f"/api/v1/studies/{study}/next")


def test_each_step_is_said_and_done_and_then_pairs_come(annotator, make_study, factory):
    study = make_study(**TEXTS)
    said = before(annotator, study)
    assert (said["step"], said["guidelines"], said["consent"]) == ("consent", TEXTS["guidelines"], TEXTS["consent"])
    assert said["agreed_at"] is None
    assert next_(annotator, study).status_code == 409

    agreed = annotator.call("POST", f"/studies/{study}/consent", json={"version": said["consent_version"]})
    assert (agreed.status_code, agreed.json()["step"]) == (200, "guidelines")
    assert agreed.json()["agreed_at"] is not None
    read = annotator.call("POST", f"/studies/{study}/guidelines", json={"version": said["guidelines_version"]})
    assert (read.status_code, read.json()["step"]) == (200, None)
    assert len(next_(annotator, study).json()["pairs"]) == 1
    with transaction(factory) as session:
        kept = session.scalars(select(Consent)).one()
        assert (kept.user_id, kept.study_id, kept.text) == (annotator.user.id, study, TEXTS["consent"])


def test_agreeing_twice_is_one_consent_with_its_first_time(annotator, make_study, factory):
    study = make_study(consent="You may stop.")
    body = {"version": before(annotator, study)["consent_version"]}
    times = {annotator.call("POST", f"/studies/{study}/consent", json=body).json()["agreed_at"] for _ in range(2)}
    assert len(times) == 1
    with transaction(factory) as session:
        assert len(session.scalars(select(Consent)).all()) == 1


def test_a_text_that_was_changed_meanwhile_is_not_agreed_to_nor_read(annotator, make_study, factory):
    study = make_study(**TEXTS)
    seen = before(annotator, study)
    with transaction(factory) as session:
        changed = {name: f"{text} New." for name, text in TEXTS.items()}
        studies.change_labeling(session, study_id=study, labeling=changed, actor=None)
    for what in ("consent", "guidelines"):
        answer = annotator.call("POST", f"/studies/{study}/{what}", json={"version": seen[f"{what}_version"]})
        assert answer.status_code == 409
        assert "changed" in answer.json()["detail"]
    assert before(annotator, study)["step"] == "consent"
    with transaction(factory) as session:
        assert session.scalars(select(Consent)).all() == []


def test_consent_is_taken_back_and_given_again(annotator, make_study):
    study = make_study(consent="You may stop.")
    body = {"version": before(annotator, study)["consent_version"]}
    annotator.call("POST", f"/studies/{study}/consent", json=body)
    taken = annotator.call("DELETE", f"/studies/{study}/consent")
    assert (taken.status_code, taken.json()["step"], taken.json()["agreed_at"]) == (200, "consent", None)
    assert next_(annotator, study).status_code == 409
    assert annotator.call("POST", f"/studies/{study}/consent", json=body).json()["step"] is None
    assert next_(annotator, study).status_code == 200


def test_where_no_consent_is_asked_for_none_is_stored(annotator, make_study, factory):
    study = make_study()
    answer = annotator.call("POST", f"/studies/{study}/consent", json={"version": guidelines.version("")})
    assert (answer.status_code, "asks for no consent" in answer.json()["detail"]) == (409, True)
    with transaction(factory) as session:
        assert session.scalars(select(Consent)).all() == []


def test_it_needs_someone_who_is_signed_in_and_a_page_of_ours(anonymous, annotator, make_study):
    study = make_study(consent="You may stop.")
    assert anonymous.get(f"/api/v1/studies/{study}/before").status_code == 401
    body = {"version": before(annotator, study)["consent_version"]}
    assert annotator.post(f"/api/v1/studies/{study}/consent", json=body).status_code == 403
    assert before(annotator, study)["step"] == "consent"
