"""Checkpoints as they are seen: the list with its line of descent, one of them, and two side by side."""

import pytest
from playwright.sync_api import expect

from app.db import transaction
from app.models import Role
from tests import builders
from tests.browser.looks import LOOKS, picture
from tests.browser.places.research import branched


@pytest.fixture
def researcher(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.RESEARCHER)


@pytest.mark.parametrize("look", LOOKS)
def test_from_the_list_to_two_side_by_side(open_as, researcher, site, look):
    with transaction(site.sessions) as session:
        study = branched(session, site.artifacts)
    page = open_as(researcher, f"/research?study={study.id}", **look)
    picture(page, "checkpoints")
    page.get_by_role("link", name="Checkpoint 2, round 2, from checkpoint 1").click()
    expect(page.get_by_role("heading", name="Checkpoint 2")).to_be_visible()
    picture(page, "checkpoint")
    page.get_by_label("Compare it with").select_option(label="Checkpoint 1, round 1")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Two checkpoints")).to_be_visible()
    expect(page.get_by_text("Checkpoint 2 won")).to_contain_text("67")
    picture(page, "two-checkpoints")
