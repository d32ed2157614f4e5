"""Guidelines and consent before the first pair, over HTTP."""

import re

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Consent, Role
from app.services import guide_pictures, studies
from tests import builders
from tests.files import png

GUIDELINES, CONSENT = "Look at **edges**.", "I take part of my own will."


@pytest.fixture
def study(factory):
    with transaction(factory) as session:
        settings = builders.settings(labeling={"guidelines": GUIDELINES, "consent": CONSENT, "warm_up": 3})
        study = builders.study(session, question="Which cat is better?", settings=settings)
        builders.pair(session, round_id=builders.round_(session, study_id=study.id).id)
    return study


def begin(client, study, **fields):
    page = client.get(f"/annotate/{study.id}/before").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    return client.post(f"/annotate/{study.id}/before", data={**hidden, **fields})


def change(factory, study, **labeling):
    with transaction(factory) as session:
        studies.change_labeling(session, study_id=study.id, labeling=labeling, actor=None)


def test_the_pair_page_leads_to_what_has_to_be_read(annotator, study):
    led = annotator.get(f"/annotate/{study.id}")
    assert (led.status_code, led.headers["location"]) == (303, f"/annotate/{study.id}/before")
    page = annotator.get(led.headers["location"]).text
    assert "Which cat is better?" in page
    assert "<strong>edges</strong>" in page
    assert CONSENT in page
    assert "The first 3 pairs are for practice" in page


def test_the_api_deals_nothing_before_and_says_to_load_the_page_anew(annotator, study):
    answer = annotator.call("GET", f"/studies/{study.id}/next")
    assert (answer.status_code, answer.json()["reload"], answer.json()["step"]) == (409, True, "consent")
    begin(annotator, study, agrees="true")
    assert len(annotator.call("GET", f"/studies/{study.id}/next").json()["pairs"]) == 1


def test_who_agrees_begins_and_is_not_asked_again(annotator, study, factory):
    begun = begin(annotator, study, agrees="true")
    assert (begun.status_code, begun.headers["location"]) == (303, f"/annotate/{study.id}")
    assert annotator.get(f"/annotate/{study.id}").status_code == 200
    with transaction(factory) as session:
        assert [(row.text, row.user_id) for row in session.scalars(select(Consent))] == [(CONSENT, annotator.user.id)]


def test_without_consent_the_page_says_what_is_missing(annotator, study):
    page = begin(annotator, study)
    assert page.status_code == 422
    assert "One thing is missing" in page.text


def test_changed_guidelines_are_shown_again_without_asking_for_consent(annotator, study, factory):
    begin(annotator, study, agrees="true")
    change(factory, study, guidelines="Look at colours.")
    assert annotator.get(f"/annotate/{study.id}").status_code == 303
    page = annotator.get(f"/annotate/{study.id}/before").text
    assert "Look at colours." in page
    assert 'name="agrees"' not in page
    assert begin(annotator, study).status_code == 303


def test_guidelines_that_changed_meanwhile_are_said(annotator, study, factory):
    page = annotator.get(f"/annotate/{study.id}/before").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    change(factory, study, guidelines="Look at colours.")
    answer = annotator.post(f"/annotate/{study.id}/before", data={**hidden, "agrees": "true"})
    assert answer.status_code == 422
    assert "The guidelines were changed meanwhile" in answer.text


def test_consent_can_be_taken_back_on_the_same_page(annotator, study):
    begin(annotator, study, agrees="true")
    assert "You agreed to this" in annotator.get(f"/annotate/{study.id}/before").text
    back = annotator.submit(f"/annotate/{study.id}/before/withdraw")
    assert back.status_code == 303
    assert "You took your consent back" in annotator.get(back.headers["location"]).text
    assert annotator.get(f"/annotate/{study.id}").status_code == 303


def test_who_declines_is_led_home_kindly(annotator, study):
    page = annotator.get(f"/annotate/{study.id}/before").text
    assert 'href="/?declined=true"' in page
    assert "That is quite all right" in annotator.get("/?declined=true").text


def test_a_guest_is_told_where_an_account_is_asked_for(annotator, study, factory):
    change(factory, study, requires_account=True)
    with transaction(factory) as session:
        session.get_one(builders.User, annotator.user.id).is_guest = True
    page = annotator.get(f"/annotate/{study.id}/before").text
    assert "This study asks for an account" in page
    assert "Begin" not in page


def test_guide_pictures_are_for_those_who_are_signed_in_and_kept_by_the_browser(
    annotator, anonymous, study, factory, artifacts
):
    with transaction(factory) as session:
        picture = guide_pictures.add(session, artifacts, study=study, data=png(8, 8), actor=None)
        other = builders.study(session)
    path = f"/annotate/{study.id}/guide/{picture.id}"
    answer = annotator.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"] == "private, max-age=604800, immutable"
    assert anonymous.get(path).status_code == 401
    assert annotator.get(f"/annotate/{other.id}/guide/{picture.id}").status_code == 404


def test_a_researcher_reads_before_too(sign_in, study):
    assert sign_in(Role.RESEARCHER).get(f"/annotate/{study.id}").status_code == 303
