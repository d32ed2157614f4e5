"""The session ends while someone works: they sign in in place, and what they answered is sent as theirs alone."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from app.db import transaction
from app.models import User, WebSession
from app.services import accounts, passwords
from app.web.identity import COOKIE
from tests import builders
from tests.browser.annotate.steps import answer_by, eventually, wait_for_pair

PASSWORD = "a long enough secret"


@pytest.fixture
def me(site) -> User:
    with transaction(site.sessions) as session:
        return builders.user(session, handle="ada", password_hash=passwords.hashed(PASSWORD))


def end_sessions(site, ended=True):
    with transaction(site.sessions) as session:
        session.execute(update(WebSession).values(ended_at=builders.now() if ended else None))


def sign_in_as(page, site, user):
    with transaction(site.sessions) as session:
        token = accounts.open_session(session, user=user)
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": site.url}])


def test_the_password_is_asked_for_in_place_and_the_answers_are_sent(page, site, stored):
    page.wait_for_timeout(500)
    end_sessions(site)
    answer_by(page, lambda: page.keyboard.press("1"))
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog.get_by_text("not sent yet: 1")).to_be_visible()
    assert stored() == []
    dialog.get_by_label("Password of Ada").fill("not this one at all")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("That is not the password.")).to_be_visible()
    dialog.get_by_label("Password of Ada").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    eventually(page, stored, ["left"])
    answer_by(page, lambda: page.keyboard.press("2"))
    eventually(page, stored, ["left", "right"])
    page.keyboard.press("u")
    eventually(page, stored, ["left"])


def test_a_guest_is_told_to_open_their_link_and_the_page_goes_on(open_as, site, study, stored):
    with transaction(site.sessions) as session:
        guest = builders.user(session, is_guest=True)
    page = open_as(guest, f"/annotate/{study}")
    wait_for_pair(page)
    page.wait_for_timeout(500)
    end_sessions(site)
    answer_by(page, lambda: page.keyboard.press("1"))
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog.get_by_text("Open your personal link")).to_be_visible()
    dialog.get_by_role("button", name="I have signed in").click()
    expect(dialog.get_by_text("not signed in yet")).to_be_visible()
    sign_in_as(page, site, guest)
    dialog.get_by_role("button", name="I have signed in").click()
    expect(dialog).to_be_hidden()
    eventually(page, stored, ["left"])


def test_answers_are_never_sent_as_someone_elses(page, site, me, stored):
    page.wait_for_timeout(500)
    end_sessions(site)
    answer_by(page, lambda: page.keyboard.press("1"))
    with transaction(site.sessions) as session:
        other = builders.user(session, handle="grace")
    sign_in_as(page, site, other)
    page.get_by_role("button", name="I have signed in").click()
    expect(page.get_by_text("Grace is signed in now")).to_be_visible()
    page.reload()
    wait_for_pair(page)
    page.wait_for_timeout(500)
    assert stored() == []
    sign_in_as(page, site, me)
    page.reload()
    eventually(page, stored, ["left"])


def test_signed_in_anew_in_another_tab_the_page_goes_on_without_a_word(page, site, me, stored):
    page.wait_for_timeout(500)
    sign_in_as(page, site, me)
    answer_by(page, lambda: page.keyboard.press("1"))
    eventually(page, stored, ["left"])
    expect(page.get_by_role("dialog")).to_be_hidden()
