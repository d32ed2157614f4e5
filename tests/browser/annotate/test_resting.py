"""The break reminder, and how long the rest will take."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import User
from tests.browser.annotate.steps import answer_by, eventually, wait_for_pair

REMINDER = "minutes without a break"


def work(page, *, minutes, pause=1):
    """As if the last answer was `pause` minutes ago, and the work had begun `minutes` ago."""
    page.evaluate(
        """([minutes, pause]) => {
             const user = JSON.parse(document.getElementById('start').textContent).user;
             const [since, last] = [Date.now() - minutes * 60_000, Date.now() - pause * 60_000];
             localStorage.setItem(`tastemaker:work:${user}`, JSON.stringify({since, last}));
           }""",
        [minutes, pause],
    )
    page.reload()
    wait_for_pair(page)


def test_after_the_studys_time_without_a_pause_a_note_says_so_and_can_be_closed(page, stored):
    work(page, minutes=46)
    stage = page.locator("[data-stage]").bounding_box()
    answer_by(page, lambda: page.keyboard.press("1"))
    expect(page.get_by_text("46 minutes without a break")).to_be_visible()
    assert page.locator("[data-stage]").bounding_box() == stage  # nothing moved
    answer_by(page, lambda: page.keyboard.press("2"))
    eventually(page, stored, ["left", "right"])
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text(REMINDER)).to_be_hidden()


@pytest.mark.parametrize(("minutes", "pause"), [(44, 1), (300, 6)])
def test_not_before_and_not_after_a_pause(page, stored, minutes, pause):
    work(page, minutes=minutes, pause=pause)
    answer_by(page, lambda: page.keyboard.press("1"))
    eventually(page, stored, ["left"])
    expect(page.get_by_text(REMINDER)).to_be_hidden()


def test_it_can_be_switched_off_for_good(page, site):
    work(page, minutes=50)
    answer_by(page, lambda: page.keyboard.press("1"))
    with page.expect_response("**/api/v1/me"):
        page.get_by_role("button", name="Do not remind me").click()
    with transaction(site.sessions) as session:
        assert session.scalars(select(User)).one().preferences == {"breaks": False}
    work(page, minutes=50)
    answer_by(page, lambda: page.keyboard.press("1"))
    page.wait_for_timeout(300)
    expect(page.get_by_text(REMINDER)).to_be_hidden()


def test_the_time_left_is_told_from_ones_own_pace(open_as, me, make_study):
    page = open_as(me, f"/annotate/{make_study(pairs=60)}")
    wait_for_pair(page)
    expect(page.get_by_text("about")).to_be_hidden()
    for _ in range(6):
        answer_by(page, lambda: page.keyboard.press("1"))
    expect(page.get_by_text("about 1 min", exact=True)).to_be_visible()
