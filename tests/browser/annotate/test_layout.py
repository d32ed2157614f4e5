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
    page.wait_for_timeout(500)
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
