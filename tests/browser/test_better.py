"""Does it get better? The evaluation grid, its zoom and the slider, by keyboard and as they are seen."""

import re

import pytest
from playwright.sync_api import expect

from app.db import transaction
from app.models import Role
from tests import builders
from tests.browser.looks import LOOKS, picture
from tests.browser.places.research import improved


@pytest.fixture
def researcher(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.RESEARCHER)


@pytest.fixture
def path(site):
    with transaction(site.sessions) as session:
        return f"/research/studies/{improved(session, site.artifacts, 6).id}/better"


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_as_it_is_seen(open_as, researcher, path, look):
    page = open_as(researcher, path, **look)
    expect(page.get_by_role("heading", name="Does it get better?")).to_be_visible()
    page.get_by_role("slider").scroll_into_view_if_needed()
    for image in page.locator("[data-grid] img").all():
        image.scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, 0)")
    picture(page, "better")
    page.locator("[data-cell]").nth(1).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    picture(page, "better-zoom")


def test_a_picture_is_enlarged_and_left_by_keyboard(open_as, researcher, path):
    page = open_as(researcher, path)
    first = page.locator("[data-cell]").first
    first.focus()
    page.keyboard.press("Enter")
    dialog, large = page.get_by_role("dialog"), page.locator("[data-zoom-picture]")
    expect(dialog).to_contain_text("base cat face")
    expect(large).to_have_attribute("src", re.compile(re.escape(first.get_attribute("href"))))
    assert large.evaluate("image => image.width % 64 === 0 && image.width >= 256"), "a whole multiple of 64 pixels"
    expect(page.get_by_role("button", name="Prompt above")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(dialog).to_contain_text("checkpoint 2 3d red apple")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(dialog).to_contain_text("checkpoint 2 cat face")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("[data-cell]").nth(1)).to_be_focused()


def test_the_edge_between_two_rounds_is_moved_by_keyboard_and_another_pair_chosen(open_as, researcher, path):
    page = open_as(researcher, path)
    slider = page.get_by_role("slider", name="How much of base is seen")
    left = page.locator(".wipe__picture").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("51")
    expect(left).to_have_css("clip-path", "inset(0px 49% 0px 0px)")
    page.keyboard.press("Home")
    expect(left).to_have_css("clip-path", "inset(0px 100% 0px 0px)")
    page.get_by_label("On the left").select_option(label="Checkpoint 2 (round 2)")
    expect(page.get_by_role("slider", name="How much of checkpoint 2 is seen")).to_be_visible()
    page.get_by_label("Prompt", exact=True).select_option(label="fish on blue")
    expect(page.get_by_role("img", name="fish on blue, checkpoint 2", exact=True).last).to_be_visible()


def test_without_scripts_two_rounds_stand_side_by_side(open_as, researcher, path):
    page = open_as(researcher, path, java_script_enabled=False)
    expect(page.get_by_role("slider")).to_have_count(0)
    left, right = (one.bounding_box() for one in page.locator(".wipe__picture").all())
    assert left["x"] + left["width"] <= right["x"]
    page.get_by_label("On the left").select_option(label="Checkpoint 1 (round 1)")
    page.locator(".over__form").get_by_role("button", name="Show").click()
    expect(page.locator(".wipe__name").first).to_have_text("checkpoint 1")
