"""The playground in a real browser: asked for with sliders, seen to come without a reload, changed and drawn again."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import JobState, Role, TryIt
from tests import builders
from tests.browser.looks import LOOKS, picture
from tests.browser.places import playground as places
from tests.browser.places.registry import unfold


@pytest.fixture
def researcher(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.RESEARCHER)


SEEN = {
    "form": places.the_playground_before_anything_was_drawn,
    "result": places.a_try_of_five_policies,
    "drawing": places.a_try_that_is_being_drawn,
    "saved": places.a_try_whose_prompt_is_saved,
}


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_as_they_are_seen(site, open_as, researcher, look):
    for name, make in SEEN.items():
        with transaction(site.sessions) as session:
            path = make(session, site.artifacts, session.merge(researcher))
        page = open_as(researcher, path, **look)
        expect(page.get_by_role("heading", name="Playground")).to_be_visible()
        if name in ("form", "result"):
            unfold(page)
        picture(page, f"playground-{name}")
        with transaction(site.sessions) as session:
            for one in session.scalars(select(TryIt)):
                places.stand(session, one, JobState.CANCELLED, site.artifacts)


def test_a_prompt_is_drawn_at_a_strength_and_comes_without_a_reload(site, open_as, researcher):
    with transaction(site.sessions) as session:
        study, first, second = places.with_checkpoints(session)
    page = open_as(researcher, f"/research/studies/{study.id}/playground")
    page.get_by_label("Prompt", exact=True).fill("a red fox")
    slider = page.get_by_label("Strength").first
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("output").first).to_have_text("0.5")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_text("Waiting for a worker…")).to_be_visible()
    with transaction(site.sessions) as session:
        made = session.scalars(select(TryIt)).one()
        assert made.policies == [[], [{"checkpoint": second, "weight": 0.5}]]
        places.stand(session, made, JobState.DONE, site.artifacts)
    drawn = page.locator("figure img")
    expect(drawn).to_have_count(4)
    base, changed = (drawn.nth(n).get_attribute("src") for n in (0, 1))
    page.locator("figure img").nth(1).focus()
    page.keyboard.down("Enter")
    expect(drawn.nth(1)).to_have_attribute("src", base)
    page.keyboard.up("Enter")
    expect(drawn.nth(1)).to_have_attribute("src", changed)
    page.get_by_role("button", name="Save as evaluation prompt").click()
    expect(page.get_by_text("This study stays with version 1")).to_be_visible()
    assert first != second
