"""Undo, also after a reload and from another browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.annotate.steps import LEFT, answer_by, eventually, shown, wait_for_pair


@pytest.mark.parametrize("key", ["u", "Backspace", "Control+z"])
def test_undo_brings_the_pair_back_and_the_next_answer_counts(page, stored, key):
    first = shown(page)
    answer_by(page, lambda: page.keyboard.press("1"))
    page.keyboard.press(key)
    expect(page.locator(f'{LEFT} img[src="{first}"]')).to_be_visible()
    answer_by(page, lambda: page.keyboard.press("2"))
    eventually(page, stored, ["right"])


def test_undo_walks_back_through_several_answers(page, stored):
    pairs = []
    for key in ("1", "2", "0"):
        pairs.append(shown(page))
        answer_by(page, lambda key=key: page.keyboard.press(key))
    for expected in reversed(pairs):
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(f'{LEFT} img[src="{expected}"]')).to_be_visible()
    eventually(page, stored, [])


def test_undo_works_after_a_reload(page, stored):
    first = shown(page)
    answer_by(page, lambda: page.keyboard.press("1"))
    eventually(page, stored, ["left"])
    page.reload()
    wait_for_pair(page)
    page.keyboard.press("u")
    expect(page.locator(f'{LEFT} img[src="{first}"]')).to_be_visible()
    eventually(page, stored, [])


def test_undo_reaches_an_answer_that_another_browser_gave(page, open_as, me, study, stored):
    answer_by(page, lambda: page.keyboard.press("1"))
    eventually(page, stored, ["left"])
    other = open_as(me, f"/annotate/{study}")
    wait_for_pair(other)
    other.get_by_role("button", name="Undo").click()
    eventually(other, stored, [])


def test_the_last_answer_is_shown_in_the_undo_button(page):
    before = shown(page)
    answer_by(page, lambda: page.keyboard.press("1"))
    expect(page.locator("[data-undo] img.is-chosen")).to_have_attribute("src", re.compile(re.escape(before)))
