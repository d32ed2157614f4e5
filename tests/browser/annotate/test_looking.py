"""Zoom and flicker: both pictures alike, and neither of them answers by itself."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.annotate.steps import (
    LEFT,
    PHONE,
    RIGHT,
    Touch,
    answer_by,
    centre,
    eventually,
    wait_for_pair,
)

WHERE = """() => [...document.querySelectorAll('.pair-picture')].map((half) => {
  const [box, room] = [half.querySelector('img').getBoundingClientRect(), half.getBoundingClientRect()];
  const from = (low, size) => box[low] + box[size] / 2 - room[low] - room[size] / 2;
  return [box.width, from('x', 'width'), from('y', 'height')];
})"""
UNDER = """([x, y]) => {
  const box = document.querySelector('.pair-picture[data-answer=right] img').getBoundingClientRect();
  return [(x - box.x) / box.width, (y - box.y) / box.height];
}"""


def width(page: Page) -> float:
    return float(page.evaluate(WHERE)[0][0])


def test_z_zooms_both_pictures_around_the_pointer_and_back(page, stored):
    plain = width(page)
    x, y = centre(page, RIGHT)
    x, y = x - 60, y + 50
    page.mouse.move(x, y)
    under = page.evaluate(UNDER, [x, y])
    page.keyboard.press("z")
    left, right = page.evaluate(WHERE)
    assert left == pytest.approx(right)
    assert left[0] == pytest.approx(2 * plain)
    assert page.evaluate(UNDER, [x, y]) == pytest.approx(under, abs=0.01)
    page.keyboard.press("z")
    assert width(page) == plain
    assert stored() == []


def test_escape_ends_zoom_and_the_next_pair_begins_without(page):
    plain = width(page)
    page.keyboard.press("z")
    page.keyboard.press("Escape")
    assert width(page) == plain
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="Zoom")).to_have_attribute("aria-pressed", "true")
    answer_by(page, lambda: page.keyboard.press("1"))
    assert width(page) == plain
    expect(page.get_by_role("button", name="Zoom")).to_have_attribute("aria-pressed", "false")


def test_ctrl_and_the_wheel_zoom_and_a_drag_moves_both_without_answering(page, stored):
    plain = width(page)
    page.mouse.move(*centre(page, LEFT))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -500)
    page.keyboard.up("Control")
    page.wait_for_function(f"() => ({WHERE})()[0][0] > {plain * 1.5}")
    before = page.evaluate(WHERE)
    x, y = centre(page, LEFT)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=4)
    page.mouse.up()
    left, right = page.evaluate(WHERE)
    assert left == pytest.approx(right)
    assert left[1:] == pytest.approx([before[0][1] + 40, before[0][2] + 30])
    page.wait_for_timeout(300)
    assert stored() == []


def test_shift_and_the_arrows_move_what_is_zoomed(page, stored):
    page.keyboard.press("z")
    before = page.evaluate(WHERE)[0]
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate(WHERE)[0][1] < before[1]
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(300)
    assert stored() == []


def test_a_pinch_zooms_both_and_never_chooses(open_as, me, study, stored):
    page = open_as(me, f"/annotate/{study}", **PHONE)
    wait_for_pair(page)
    page.wait_for_timeout(300)
    plain = width(page)
    x, y = centre(page, LEFT)
    touch = Touch(page)
    touch.down((x - 10, y), (x + 10, y))
    for apart in (20, 30, 40):
        touch.move((x - apart, y), (x + apart, y))
    touch.up((x - 40, y))
    touch.move((x - 40, y - 150))  # the finger that stays is no swipe
    touch.up()
    left, right = page.evaluate(WHERE)
    assert left == pytest.approx(right)
    assert left[0] == pytest.approx(4 * plain, rel=0.01)
    touch.down((x, y))
    touch.move((x - 80, y))
    touch.up()
    assert page.evaluate(WHERE)[0][1] == pytest.approx(left[1] - 80, abs=0.1)
    page.wait_for_timeout(300)
    assert stored() == []


@pytest.mark.parametrize(("size", "rendering"), [(64, "pixelated"), (1024, "auto")])
def test_only_what_is_enlarged_shows_its_pixels(open_as, me, make_study, size, rendering):
    page = open_as(me, f"/annotate/{make_study(pairs=1, size=size)}")
    wait_for_pair(page)
    look = "e => getComputedStyle(e).imageRendering"
    assert page.locator(f"{LEFT} img").evaluate(look) == rendering
    page.keyboard.press("z")  # the larger one now stands at one pixel for one
    assert page.locator(f"{LEFT} img").evaluate(look) == rendering
    page.keyboard.press("Escape")
    page.mouse.move(*centre(page, LEFT))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -900)
    page.keyboard.up("Control")
    expect(page.locator("[data-stage].is-closer")).to_have_count(1)
    assert page.locator(f"{LEFT} img").evaluate(look) == "pixelated"


def test_flicker_lays_one_over_the_other_says_which_and_takes_answers(page, stored):
    page.wait_for_timeout(300)
    page.keyboard.press("f")
    stage = page.locator("[data-stage]")
    expect(stage).to_have_attribute("data-shown", "left")
    boxes = [image.bounding_box() for image in page.locator(".pair-picture img").all()]
    assert boxes[0] == boxes[1]
    expect(page.locator(f"{RIGHT} img")).to_have_css("opacity", "0")
    expect(page.locator(".pair-flick")).to_be_visible()
    assert page.locator(".pair-flick").bounding_box()["y"] + 24 <= boxes[0]["y"]
    expect(stage).to_have_attribute("data-shown", "right")
    expect(page.locator(f"{LEFT} img")).to_have_css("opacity", "0")
    answer_by(page, lambda: page.keyboard.press("2"))
    eventually(page, stored, ["right"])
    expect(stage).not_to_have_attribute("data-shown", re.compile(""))


def test_a_click_in_flicker_shows_the_other_one_and_the_buttons_answer(page, stored):
    page.wait_for_timeout(300)
    page.keyboard.press("f")
    stage = page.locator("[data-stage]")
    before = stage.get_attribute("data-shown")
    page.mouse.click(*centre(page, "[data-stage]"))
    assert stage.get_attribute("data-shown") != before
    page.wait_for_timeout(1000)
    assert stage.get_attribute("data-shown") != before  # from now on only by hand
    assert stored() == []
    answer_by(page, lambda: page.locator(".pair-bar").get_by_role("button", name="Left").click())
    eventually(page, stored, ["left"])


def test_where_less_motion_is_wanted_flicker_goes_by_hand(open_as, me, study):
    page = open_as(me, f"/annotate/{study}", reduced_motion="reduce")
    wait_for_pair(page)
    stage = page.locator("[data-stage]")
    page.keyboard.press("f")
    page.wait_for_timeout(1200)
    assert stage.get_attribute("data-shown") == "left"
    page.keyboard.press("f")
    assert stage.get_attribute("data-shown") == "right"
    page.keyboard.press("f")
    assert stage.get_attribute("data-shown") is None
