"""Where things are, on a desk and on a phone."""

import pytest

from app.db import transaction
from app.models import Round
from tests import builders
from tests.browser.annotate.steps import PHONE, RIGHT, answer_by, eventually, wait_for_pair


@pytest.mark.parametrize(
    "viewport",
    [
        {"width": 1280, "height": 800},
        {"width": 390, "height": 844},
        {"width": 844, "height": 390},
        {"width": 768, "height": 1024},
    ],
)
@pytest.mark.parametrize("size", [64, 512])
def test_both_pictures_are_whole_equal_and_beside_nothing_that_scrolls(open_as, me, site, viewport, size):
    with transaction(site.sessions) as session:
        pair = builders.pair(session, size=size, artifacts=site.artifacts)
        study = session.get_one(Round, pair.round_id).study_id
    page = open_as(me, f"/annotate/{study}", viewport=viewport)
    wait_for_pair(page)
    boxes = [img.bounding_box() for img in page.locator(".pair-picture img").all()]
    assert len(boxes) == 2
    assert abs(boxes[0]["width"] - boxes[1]["width"]) < 1
    assert abs(boxes[0]["height"] - boxes[1]["height"]) < 1
    top_of_bar = page.locator(".pair-bar").bounding_box()["y"]
    for box in boxes:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]
        assert box["y"] + box["height"] <= top_of_bar + 1
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    if size == 64:
        assert boxes[0]["width"] % 64 == 0
        assert boxes[0]["width"] >= 128
        assert (
            page.locator(".pair-picture img").first.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
        )


def test_on_a_phone_a_tap_chooses_and_all_buttons_are_in_the_thumbs_reach(open_as, me, study, stored):
    page = open_as(me, f"/annotate/{study}", **PHONE)
    wait_for_pair(page)
    answer_by(page, lambda: page.tap(RIGHT))
    eventually(page, stored, ["right"])
    buttons = page.locator(".pair-bar button")
    assert buttons.count() == 7
    for button in buttons.all():
        box = button.bounding_box()
        assert box["height"] >= 44
        assert box["width"] >= 44
        assert box["y"] > 844 * 2 / 3
    page.wait_for_timeout(200)
    page.get_by_role("button", name="Undo").tap()
    eventually(page, stored, [])


LONG = "x" * 200 + " " + "a lighthouse keeper with a lantern looks over a stormy sea, " * 8
FIT = "all => all.every((e) => e.scrollWidth <= e.clientWidth)"
END = "e => e.scrollTop + e.clientHeight >= e.scrollHeight - 1"


@pytest.fixture
def wordy(site) -> int:
    """A study with prompts of hundreds of characters, one word of 200 among them."""
    with transaction(site.sessions) as session:
        prompts = builders.prompt_set(session, prompts=[f"{LONG} {number}" for number in range(3)])
        study = builders.study(session, prompt_set_id=prompts.id)
        round_ = builders.round_(session, study_id=study.id)
        for _ in range(3):
            builders.pair(session, round_id=round_.id, artifacts=site.artifacts)
        return study.id


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (844, 390), (320, 256)])
def test_a_very_long_prompt_pushes_nothing_out_of_reach(open_as, me, wordy, width, height):
    page = open_as(me, f"/annotate/{wordy}", viewport={"width": width, "height": height})
    wait_for_pair(page)
    assert page.locator("html, body, main, .pair-frame").evaluate_all(FIT)
    for what in page.locator(".pair-picture img, .pair-bar button, [data-prompt]").all():
        what.scroll_into_view_if_needed()
        box = what.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
    assert page.locator("[data-prompt]").bounding_box()["height"] >= 40


def test_a_very_long_prompt_is_read_by_keyboard_and_no_key_that_scrolls_it_answers(open_as, me, wordy, stored):
    page = open_as(me, f"/annotate/{wordy}")
    wait_for_pair(page)
    prompt = page.get_by_role("group", name="Prompt")
    for _ in range(10):
        if prompt.evaluate("e => e === document.activeElement"):
            break
        page.keyboard.press("Tab")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(50)
    assert prompt.evaluate(END)
    answer_by(page, lambda: page.keyboard.press("1"))
    eventually(page, stored, ["left"])
    assert prompt.evaluate("e => e.scrollTop") == 0


def test_a_very_long_prompt_is_read_without_a_script(open_as, me, wordy):
    page = open_as(me, f"/annotate/{wordy}", java_script_enabled=False)
    page.get_by_role("group", name="Prompt").focus()
    page.keyboard.press("End")
    page.wait_for_timeout(300)
    assert page.get_by_role("group", name="Prompt").evaluate(END)
