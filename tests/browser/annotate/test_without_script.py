"""Without JavaScript the pair page is plain forms."""

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from app.db import transaction
from app.models import Hold, Pair, Purpose, Role, Round
from app.services import participations
from tests import builders
from tests.browser.annotate.steps import LEFT, RIGHT


@pytest.fixture
def page(open_as, me, study):
    return open_as(me, f"/annotate/{study}", java_script_enabled=False)


def send(page: Page, button: Locator) -> None:
    """Press a form's button, and see the page that follows."""
    with page.expect_navigation():
        button.click()


def reload_until(page: Page, words: str) -> None:
    """Reload a page whose figures may be one sweep behind until it says so."""
    for _ in range(60):
        if page.get_by_text(words).is_visible():
            return
        page.wait_for_timeout(250)  # half the time between two sweeps
        page.reload()
    expect(page.get_by_text(words)).to_be_visible()


def test_every_answer_and_undo_is_a_form(page, stored):
    send(page, page.locator(LEFT))
    send(page, page.locator(RIGHT))
    for name in ("Equal", "Both bad", "Skip"):
        send(page, page.locator(".pair-bar").get_by_role("button", name=name))
    assert stored() == ["left", "right", "tie", "both_bad", "skip"]
    reload_until(page, "1 pair left")
    send(page, page.get_by_role("button", name="Undo"))
    assert stored() == ["left", "right", "tie", "both_bad"]


def test_a_page_from_before_makes_no_second_choice(page, study, stored):
    """As the back button may show it: the pair is answered already."""
    before = page.context.new_page()
    before.goto(f"/annotate/{study}")
    assert before.locator("[name=lease]").input_value() == page.locator("[name=lease]").input_value()
    send(page, page.locator(LEFT))
    send(before, before.locator(RIGHT))
    expect(before.get_by_text("your first answer stands")).to_be_visible()
    assert stored() == ["left"]


def test_the_controls_that_need_a_script_are_not_there(page):
    for name in ("Zoom", "Flicker", "Help"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()


def test_a_warm_up_pair_says_that_it_does_not_count(open_as, site, me, make_study):
    study = make_study(pairs=1)
    with transaction(site.sessions) as session:
        pair = session.scalars(select(Pair)).one()
        builders.lease(session, pair_id=pair.id, user_id=me.id, purpose=Purpose.WARM_UP, expected="first")
    for script in (False, True):
        page = open_as(me, f"/annotate/{study}", java_script_enabled=script)
        expect(page.get_by_text("Warm-up: this answer does not count")).to_be_visible()


def test_whoever_is_paused_reads_why(open_as, site, me, study):
    with transaction(site.sessions) as session:
        admin = builders.user(session, role=Role.ADMIN)
        participations.pause(session, study_id=study, user_id=me.id, reason="Please ask Grace.", actor=admin)
    page = open_as(me, f"/annotate/{study}", java_script_enabled=False)
    expect(page.get_by_role("heading", name="Please stop here for now")).to_be_visible()
    expect(page.get_by_text("Please ask Grace.")).to_be_visible()
    with transaction(site.sessions) as session:
        participations.pause(session, study_id=study, user_id=me.id, reason="", actor=None)
    page.reload()
    expect(page.get_by_text("All of your answers are kept.")).to_be_visible()
    expect(page.locator(LEFT)).to_be_hidden()


def test_a_paused_study_says_so_and_is_asked_again_until_it_goes_on(open_as, site, me, study):
    with transaction(site.sessions) as session:
        session.scalars(select(Round)).one().hold = Hold.PAUSED
    page = open_as(me, f"/annotate/{study}", java_script_enabled=False)
    expect(page.get_by_role("heading", name="This study is paused")).to_be_visible()
    with transaction(site.sessions) as session:
        session.scalars(select(Round)).one().hold = Hold.NONE
    expect(page.locator(f"{LEFT} img")).to_be_visible()
