"""Keys that a person sets for themselves."""

from playwright.sync_api import expect

from tests.browser.annotate.steps import answer_by, eventually, wait_for_pair


def open_keys(page):
    page.keyboard.press("?")
    page.get_by_role("button", name="Change the keys…").click()
    return page.get_by_role("dialog", name="Keys")


def close_all(page):
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Go on").click()


def test_a_key_is_added_shown_everywhere_and_kept_for_every_browser(page, open_as, me, study, stored):
    keys = open_keys(page)
    keys.get_by_role("button", name="Remove 1 from “Left one is better”").click()
    keys.get_by_role("button", name="Add a key for “Left one is better”").click()
    with page.expect_response(lambda answer: '"j"' in (answer.request.post_data or "")) as saved:
        page.keyboard.press("j")
    assert saved.value.ok
    expect(keys.get_by_text("J now stands for “Left one is better”.")).to_be_visible()
    close_all(page)
    expect(page.locator(".pair-bar [data-answer=left] kbd")).to_have_text("←")
    answer_by(page, lambda: page.keyboard.press("j"))
    eventually(page, stored, ["left"])
    page.keyboard.press("1")
    other = open_as(me, f"/annotate/{study}")
    wait_for_pair(other)
    other.keyboard.press("?")
    expect(other.locator("[data-keys=left]")).to_have_text("← J")
    other.keyboard.press("Escape")
    answer_by(other, lambda: other.keyboard.press("J"))
    eventually(other, stored, ["left", "left"])


def test_a_key_that_has_a_meaning_is_refused_and_says_which(page):
    keys = open_keys(page)
    keys.get_by_role("button", name="Add a key for “Both bad”").click()
    page.keyboard.press("s")
    expect(keys.get_by_text("S already stands for “Skip”.")).to_be_visible()
    page.keyboard.press("Tab")
    expect(keys.get_by_text("Tab is needed by the browser.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys.get_by_text("Nothing was changed.")).to_be_visible()
    expect(keys.locator("[data-remove=both_bad]")).to_have_count(1)


def test_all_keys_are_set_back_at_once(page, stored):
    answer_by(page, lambda: page.keyboard.press("1"))
    keys = open_keys(page)
    keys.get_by_role("button", name="Remove S from “Skip”").click()
    keys.get_by_role("button", name="Reset all").click()
    expect(keys.get_by_role("button", name="Remove S from “Skip”")).to_be_visible()
    close_all(page)
    answer_by(page, lambda: page.keyboard.press("s"))
    eventually(page, stored, ["left", "skip"])


def test_a_key_that_could_not_be_stored_holds_and_says_so(page, stored):
    page.route("**/api/v1/me", lambda route: route.abort())
    keys = open_keys(page)
    keys.get_by_role("button", name="Add a key for “Right one is better”").click()
    page.keyboard.press("k")
    close_all(page)
    expect(page.get_by_text("This could not be stored")).to_be_visible()
    answer_by(page, lambda: page.keyboard.press("k"))
    eventually(page, stored, ["right"])


def test_a_keyboard_without_latin_letters_has_the_same_keys(page, stored):
    page.wait_for_timeout(200)
    page.evaluate(
        """() => document.body.dispatchEvent(
             new KeyboardEvent('keydown', {key: 'и', code: 'KeyB', bubbles: true, cancelable: true}))"""
    )
    eventually(page, stored, ["both_bad"])
