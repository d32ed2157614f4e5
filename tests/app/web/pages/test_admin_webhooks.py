from datetime import timedelta

import pytest

from app.db import transaction
from app.models import Delivery, DeliveryState, Event, Webhook
from app.services import webhooks
from app.services.outbox import ROUND_EVENTS
from tests import builders

PAGE = "/admin/webhooks"
URL = "https://hooks.example.org/taste"


@pytest.fixture
def hook(factory):
    with transaction(factory) as session:
        return builders.webhook(session, url=URL, note="for <b>Ada</b>")


def test_without_any_the_form_stands_open(admin):
    page = admin.get(PAGE)
    assert page.status_code == 200
    assert '<details class="card more" open>' in page.text
    assert page.text.count('name="events"') == page.text.count(" checked") == len(ROUND_EVENTS)


def test_a_new_one_shows_its_secret_once(admin, factory):
    made = admin.submit(PAGE, url=URL, events=["round.fail", "round.trained"], study="", note="")
    assert made.status_code == 303
    shown = admin.get(made.headers["location"])
    assert "whsec_" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert "whsec_" not in admin.get(made.headers["location"]).text
    with transaction(factory) as session:
        webhook = session.query(Webhook).one()
        assert (webhook.url, webhook.events, webhook.created_by_id) == (
            URL, ["round.trained", "round.fail"], admin.user.id,
        )  # fmt: skip


def test_what_cannot_be_used_is_said_beside_its_field_and_kept(admin, factory):
    page = admin.submit(PAGE, url="https://169.254.169.254/", events=["round.fail"], note="mine")
    assert page.status_code == 422
    assert "is no address of the internet" in page.text
    assert 'value="mine"' in page.text
    assert page.text.count(" checked") == 1
    nothing = admin.submit(PAGE, url=URL)
    assert "choose at least one" in nothing.text
    with transaction(factory) as session:
        assert session.query(Webhook).count() == 0


def test_the_list_and_the_page_show_what_was_sent_and_answered(admin, factory, hook):
    bad = {"at": "2026-11-28T06:45:56+00:00", "end": "failed", "status": 500, "ms": 1234, "said": "<i>no</i>"}
    with transaction(factory) as session:
        builders.delivery(
            session,
            webhook_id=hook.id,
            state=DeliveryState.GIVEN_UP,
            attempts=[bad],
            end_reason="It was tried 10 times.",
        )
    assert "given up" in admin.get(PAGE).text
    page = admin.get(f"{PAGE}/{hook.id}").text
    for text in ("for &lt;b&gt;Ada&lt;/b&gt;", "500", "1,234 ms", "&lt;i&gt;no&lt;/i&gt;", "It was tried 10 times."):
        assert text in page
    assert "hx-trigger" not in page


def test_while_something_is_on_its_way_the_list_asks_again(admin, factory, hook):
    with transaction(factory) as session:
        builders.delivery(session, webhook_id=hook.id)
    assert 'hx-trigger="every 2s"' in admin.get(f"{PAGE}/{hook.id}").text
    part = admin.get(f"{PAGE}/{hook.id}", headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith('<section id="deliveries"')
    with transaction(factory) as session:
        session.query(Delivery).update({"due_at": builders.now() + timedelta(hours=1)})
    assert "hx-trigger" not in admin.get(f"{PAGE}/{hook.id}").text


def test_a_test_is_sent_and_what_was_given_up_goes_again(admin, factory, hook):
    moved = admin.submit(f"{PAGE}/{hook.id}/test")
    assert moved.headers["location"] == f"{PAGE}/{hook.id}#deliveries"
    with transaction(factory) as session:
        delivery = session.query(Delivery).one()
        delivery.state, delivery.ended_at = DeliveryState.GIVEN_UP, builders.now()
    admin.submit(f"{PAGE}/{hook.id}/deliveries/{delivery.id}")
    with transaction(factory) as session:
        assert session.query(Delivery).one().state is DeliveryState.WAITING


def test_it_is_changed_switched_off_and_on_and_removed(admin, factory, hook):
    here = f"{PAGE}/{hook.id}"
    assert admin.submit(here, url=URL, events=["round.fail"], note="other", study="").status_code == 303
    refused = admin.submit(here, url="nonsense", events=["round.fail"])
    assert refused.status_code == 422
    admin.submit(f"{here}/off")
    assert "It is off" in admin.get(here).text
    admin.submit(f"{here}/on")
    secret = admin.submit(f"{here}/secret")
    assert "whsec_" in admin.get(secret.headers["location"]).text
    assert admin.submit(f"{here}/remove").headers["location"] == PAGE
    assert admin.get(here).status_code == 404
    with transaction(factory) as session:
        told = [event.what for event in session.query(Event).order_by(Event.id)]
        assert all(event.actor_id == admin.user.id for event in session.query(Event))
    assert told == [
        "webhook.changed", "webhook.switched_off", "webhook.switched_on", "webhook.secret_renewed", "webhook.removed",
    ]  # fmt: skip
    assert "made a new secret for a webhook" in admin.get("/admin/log").text


def test_one_that_the_site_switched_off_is_said_on_the_list(admin, factory, hook):
    with transaction(factory) as session:
        row = session.get_one(Webhook, hook.id)
        row.off_at, row.off_reason = builders.now(), "Nothing could be delivered for 4 days."
    assert "Nothing could be delivered for 4 days." in admin.get(PAGE).text


def test_only_admins_see_and_change_them(researcher, annotator, hook):
    for client in (researcher, annotator):
        assert client.get(PAGE).status_code == 403
        assert client.get(f"{PAGE}/{hook.id}").status_code == 403
        assert client.submit(f"{PAGE}/{hook.id}/remove").status_code == 403


def test_the_page_of_e_mail_says_whether_it_is_set_up_and_sends_a_test(admin, factory, app):
    assert "E-mail is not set up" in admin.get("/admin/mail").text
    with transaction(factory) as session:
        session.merge(admin.user).email = "me@example.org"
    app.state.settings = app.state.settings.with_values(smtp_host="smtp.example", mail_from="us@taste.example")
    page = admin.get("/admin/mail").text
    assert "smtp.example:587" in page
    assert "me@example.org" in page
    assert admin.submit("/admin/mail/test").status_code == 303
    page = admin.get("/admin/mail").text
    assert f"→ {admin.user.display_name}" in page
    assert 'hx-trigger="every 2s"' in page
    with transaction(factory) as session:
        delivery = session.query(Delivery).one()
        delivery.state, delivery.ended_at = DeliveryState.GIVEN_UP, builders.now()
    admin.submit(f"/admin/mail/deliveries/{delivery.id}")
    with transaction(factory) as session:
        assert session.query(Delivery).one().state is DeliveryState.WAITING


def test_a_secret_that_was_made_here_signs_what_is_sent_from_here(admin, factory, app):
    made = admin.submit(PAGE, url=URL, events=["round.fail"])
    secret = admin.get(made.headers["location"]).text.split("whsec_")[1].split("<")[0]
    with transaction(factory) as session:
        assert webhooks.unsealed(app.state.settings, session.query(Webhook).one().secret) == f"whsec_{secret}"
