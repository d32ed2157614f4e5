"""Swipes on a touch screen: what they mean is seen before the finger lifts."""

import pytest
from playwright.sync_api import expect

from tests.browser.annotate.steps import LEFT, PHONE, Touch, centre, eventually, wait_for_pair

ON_ITS_SIDE = {**PHONE, "viewport": {"width": 844, "height": 390}}


@pytest.mark.parametrize(
    ("phone", "way", "answer"),
    [
        (PHONE, (0, -90), "left"),
        (PHONE, (0, 90), "right"),
        (PHONE, (90, 0), "tie"),
        (ON_ITS_SIDE, (-90, 0), "left"),
        (ON_ITS_SIDE, (90, 0), "right"),
        (ON_ITS_SIDE, (0, 90), "tie"),
    ],
)
def test_a_swipe_towards_a_picture_chooses_it_and_across_means_equal(open_as, me, study, stored, phone, way, answer):
    page = open_as(me, f"/annotate/{study}", **phone)
    wait_for_pair(page)
    page.wait_for_timeout(300)
    x, y = centre(page, LEFT)
    touch = Touch(page)
    touch.down((x, y))
    for part in (0.2, 0.5, 1):
        touch.move((x + way[0] * part, y + way[1] * part))
    expect(page.locator(f".pair-aim [data-for={answer}]")).to_be_visible()
    assert stored() == []
    touch.up()
    eventually(page, stored, [answer])
    expect(page.locator(".pair-aim")).to_be_hidden()


def test_moving_back_takes_a_swipe_back(open_as, me, study, stored):
    page = open_as(me, f"/annotate/{study}", **PHONE)
    wait_for_pair(page)
    page.wait_for_timeout(300)
    x, y = centre(page, LEFT)
    touch = Touch(page)
    touch.down((x, y))
    for way in (20, 90, 30):
        touch.move((x, y + way))
    expect(page.locator(".pair-aim > span:visible")).to_have_count(0)
    touch.up()
    page.wait_for_timeout(500)
    assert stored() == []


def test_an_answer_that_the_study_does_not_offer_cannot_be_swiped(open_as, me, make_study, stored):
    page = open_as(me, f"/annotate/{make_study(allow_tie=False)}", **PHONE)
    wait_for_pair(page)
    page.wait_for_timeout(300)
    x, y = centre(page, LEFT)
    touch = Touch(page)
    touch.down((x, y))
    touch.move((x + 50, y))
    touch.move((x + 120, y))
    touch.up()
    page.wait_for_timeout(500)
    assert stored() == []


def test_with_less_motion_the_pictures_stay_where_they_are(open_as, me, study):
    page = open_as(me, f"/annotate/{study}", reduced_motion="reduce", **PHONE)
    wait_for_pair(page)
    page.wait_for_timeout(300)
    before = page.locator(f"{LEFT} img").bounding_box()
    x, y = centre(page, LEFT)
    touch = Touch(page)
    touch.down((x, y))
    touch.move((x, y - 50))
    touch.move((x, y - 100))
    expect(page.locator(".pair-aim [data-for=left]")).to_be_visible()
    assert page.locator(f"{LEFT} img").bounding_box() == before
    touch.up()
