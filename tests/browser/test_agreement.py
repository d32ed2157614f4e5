"""Judges and people in a real browser: as the page is seen, and a judge sent through pictures without a reload."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import Job, JobState, Role, Scoring
from tests import builders
from tests.browser.looks import LOOKS, picture
from tests.browser.places.agreement import judged, judges_beside_people, stand


@pytest.fixture
def researcher(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.RESEARCHER)


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_as_it_is_seen(site, open_as, researcher, look):
    with transaction(site.sessions) as session:
        path = judges_beside_people(session, site.artifacts, session.merge(researcher))
    page = open_as(researcher, path, **look)
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("row", name="pickscore")).to_be_visible()
    picture(page, "agreement")


def test_a_judge_is_sent_through_pictures_and_is_seen_to_end(site, open_as, researcher):
    with transaction(site.sessions) as session:
        study = judged(session, site.artifacts, rounds=1, pairs=2)
    page = open_as(researcher, f"/research/studies/{study.id}/agreement")
    page.get_by_label("brightness", exact=False).check()
    page.get_by_label("Which pictures").select_option("round 1")
    page.get_by_role("button", name="Score them").click()
    scorings = page.locator("#scorings-list")
    expect(scorings.get_by_text("waiting", exact=True)).to_be_visible()
    with transaction(site.sessions) as session:
        made = session.scalars(select(Scoring)).one()
        assert (made.judge, made.round_id is not None) == ("brightness", True)
        stand(session, made, JobState.DONE)
    expect(scorings.get_by_text("144 pictures scored; 2 could not be read")).to_be_visible()
    page.get_by_role("button", name="Let scoring").click()
    expect(scorings.get_by_text("waiting", exact=True)).to_be_visible()
    page.get_by_role("button", name="Stop scoring").click()
    expect(scorings.get_by_text("stopped", exact=True)).to_be_visible()
    with transaction(site.sessions) as session:
        assert session.scalars(select(Job.state)).all() == [JobState.CANCELLED]
