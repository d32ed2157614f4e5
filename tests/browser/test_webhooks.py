"""Webhooks as an admin makes them: the secret, a test that arrives while one looks, and what went wrong."""

import base64
import hashlib
import hmac

import pytest
from playwright.sync_api import expect

from app.db import transaction
from app.models import Role, RoundState
from app.services import events
from tests import builders
from tests.browser.looks import LOOKS, picture
from tests.browser.places.house import _sent
from tests.receivers import receiving


@pytest.fixture(params=LOOKS)
def look(request):
    return request.param


@pytest.fixture
def admin(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.ADMIN, handle="admin", display_name="Admin", email="me@example.org")


def test_a_webhook_is_made_tested_and_told_of_a_round_while_one_looks(open_as, site, admin):
    with receiving() as receiver:
        page = open_as(admin, "/admin/webhooks")
        page.get_by_label("Address").fill(receiver.url)
        page.get_by_label("A round is launched").uncheck()
        page.get_by_role("button", name="Make it, and show its secret").click()
        secret = page.locator("#secret-link").inner_text()
        page.get_by_role("button", name="Send a test").click()
        first = page.locator(".delivery").first
        expect(first.get_by_text("delivered", exact=True)).to_be_visible()
        expect(page.get_by_text(secret)).to_have_count(0)
        [received] = receiver.received
        signed = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}.".encode() + received.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert received.headers["webhook-signature"] == f"v1,{expected}"
        receiver.status, receiver.answer = 500, b"no room"
        with transaction(site.sessions) as session:
            round_ = builders.round_(session, state=RoundState.COMPLETE)
            events.write(session, "round.launched", round_)
            events.write(session, "round.trained", round_)
        page.reload()
        newest = page.locator(".delivery").first
        expect(newest.get_by_text("A round is complete")).to_be_visible()
        expect(newest.get_by_text("again later")).to_be_visible()
        newest.locator("summary").click()
        expect(newest.get_by_text("no room")).to_be_visible()
        receiver.status = 200
        newest.get_by_role("button", name="Deliver it now").click()
        expect(page.locator(".delivery").first.get_by_text("delivered", exact=True)).to_be_visible()
        expect(page.locator(".delivery")).to_have_count(2)


def test_webhooks_and_their_deliveries_as_they_look(open_as, site, admin, look):
    with transaction(site.sessions) as session:
        builders.study(session, name="Emoji")
        webhook = builders.webhook(session, note="The lab's chat", failing_since=builders.now())
        _sent(session, webhook)
        builders.webhook(session, off_at=builders.now(), off_reason="Nothing could be delivered for 3 days.")
    page = open_as(admin, "/admin/webhooks", **look)
    picture(page, "webhooks")
    page.get_by_text("New webhook").click()
    picture(page, "webhooks-new")
    page.goto(f"/admin/webhooks/{webhook.id}")
    page.locator(".delivery summary").nth(1).click()
    page.get_by_role("heading", name="Secret, pause, end").click()
    picture(page, "webhook")
    page.goto("/account#mail")
    page.get_by_text("Rounds that I launched").click()
    picture(page, "account-mail")


def test_e_mail_as_it_looks(open_as, site, admin, open_door, look):
    with transaction(site.sessions) as session:
        builders.delivery(session, user_id=admin.id)
    page = open_as(admin, f"{open_door}/admin/mail", **look)
    expect(page.get_by_text("again later").or_(page.get_by_text("not sent"))).to_be_visible()
    picture(page, "mail")
