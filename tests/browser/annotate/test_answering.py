"""Answering by click, key, tap and form; and what never answers."""

import pytest
from playwright.sync_api import expect

from tests.browser.annotate.steps import LEFT, RIGHT, answer_by, eventually, shown, wait_for_pair


def test_a_click_chooses_and_the_next_pair_is_there(page, stored):
    answer_by(page, lambda: page.click(LEFT))
    answer_by(page, lambda: page.click(RIGHT))
    eventually(page, stored, ["left", "right"])
    expect(page.get_by_text("2 today")).to_be_visible()
    expect(page.get_by_text("4 left")).to_be_visible()


@pytest.mark.parametrize(
    ("keys", "answers"),
    [
        (["1", "2", "0"], ["left", "right", "tie"]),
        (["ArrowLeft", "ArrowRight", "ArrowDown"], ["left", "right", "tie"]),
        (["b", "S"], ["both_bad", "skip"]),
    ],
)
def test_keys_answer(page, stored, keys, answers):
    for key in keys:
        answer_by(page, lambda key=key: page.keyboard.press(key))
    eventually(page, stored, answers)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("Left", "left"), ("Equal", "tie"), ("Right", "right"), ("Both bad", "both_bad"), ("Skip", "skip")],
)
def test_every_answer_has_a_button(page, stored, name, answer):
    answer_by(page, lambda: page.locator(".pair-bar").get_by_role("button", name=name).click())
    eventually(page, stored, [answer])


SHOWS_AT_ONCE = """() => {
  const images = () => [...document.querySelectorAll('.pair-picture img')];
  const before = images()[0].src;
  document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '1', bubbles: true}));
  return images()[0].src !== before && images().every((image) => image.complete && image.naturalWidth);
}"""


def test_the_next_pair_is_shown_in_the_same_frame_as_the_key(page):
    """Decoded pictures stand there before the event has ended, though the site takes a second for each answer."""
    page.wait_for_timeout(500)
    page.route("**/choice", lambda route: (page.wait_for_timeout(1000), route.continue_()))
    assert page.evaluate(SHOWS_AT_ONCE) is True


def test_the_same_pair_stays_on_its_sides_after_a_reload(page):
    before = shown(page)
    page.reload()
    wait_for_pair(page)
    assert shown(page) == before


def test_a_key_held_down_answers_once(page, stored):
    page.keyboard.down("1")
    for _ in range(5):
        page.keyboard.down("1")
    page.keyboard.up("1")
    eventually(page, stored, ["left"])
    page.wait_for_timeout(300)
    assert stored() == ["left"]


def test_a_double_click_answers_once(page, stored):
    page.wait_for_timeout(300)
    page.dblclick(LEFT)
    eventually(page, stored, ["left"])
    page.wait_for_timeout(300)
    assert stored() == ["left"]


def test_a_drag_never_chooses(page, stored):
    page.wait_for_timeout(300)
    page.hover(LEFT)
    page.mouse.down()
    page.mouse.move(300, 400, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)
    assert stored() == []


def test_help_opens_by_key_and_takes_no_answers(page, stored):
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.wait_for_timeout(300)
    assert stored() == []
