import base64
import hashlib
import hmac

import pytest

from app.db import transaction
from app.models import Delivery, DeliveryState
from app.services import postman
from app.services.postman import Office
from tests import builders
from tests.receivers import receiving

URL = "https://hooks.example.org/taste"


def test_a_webhook_is_made_changed_tested_and_removed_by_a_program(admin, factory, app):
    with receiving() as receiver:
        made = admin.call("POST", "/webhooks", json={"url": receiver.url, "events": ["round.fail"]})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        webhook, secret = made.json()["id"], made.json()["secret"]
        assert "secret" not in admin.call("GET", f"/webhooks/{webhook}").json()
        sent = admin.call("POST", f"/webhooks/{webhook}/test")
        assert (sent.status_code, sent.json()["state"]) == (202, "waiting")
        postman.carry_one(Office(factory, app.state.settings, None))
    [received] = receiver.received
    signed = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}.".encode() + received.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert received.headers["webhook-signature"] == (
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    )
    page = admin.call("GET", f"/webhooks/{webhook}/deliveries").json()
    [delivery] = page["items"]
    assert (delivery["state"], delivery["attempts"][0]["status"]) == ("delivered", 204)
    assert delivery["message_id"] == received.headers["webhook-id"]
    assert "key" not in delivery
    again = admin.call("POST", f"/deliveries/{delivery['id']}/again")
    assert (again.status_code, again.json()["state"], again.json()["tries"]) == (202, "waiting", 0)
    changed = admin.call("PATCH", f"/webhooks/{webhook}", json={"note": "mine", "on": False}).json()
    assert (changed["note"], changed["events"], changed["url"]) == ("mine", ["round.fail"], receiver.url)
    assert changed["off_at"] is not None
    assert admin.call("POST", f"/webhooks/{webhook}/test").status_code == 409
    assert admin.call("POST", f"/webhooks/{webhook}/secret").json()["secret"] != secret
    assert admin.call("DELETE", f"/webhooks/{webhook}").status_code == 204
    assert admin.call("GET", "/webhooks").json() == []


def test_a_study_is_set_and_taken_away(admin, factory):
    with transaction(factory) as session:
        study = builders.study(session)
    webhook = admin.call("POST", "/webhooks", json={"url": URL, "study": study.id}).json()
    assert webhook["study_id"] == study.id
    assert len(webhook["events"]) > 10
    path = f"/webhooks/{webhook['id']}"
    assert admin.call("PATCH", path, json={"note": "x"}).json()["study_id"] == study.id
    assert admin.call("PATCH", path, json={"study": None}).json()["study_id"] is None


def test_what_cannot_be_used_is_said_by_field(admin):
    refused = admin.call("POST", "/webhooks", json={"url": "ftp://x", "events": ["round.danced"]})
    assert (refused.status_code, set(refused.json()["fields"])) == (422, {"url", "events"})
    assert admin.call("GET", "/webhooks/999").status_code == 404
    assert admin.call("POST", "/deliveries/999/again").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/webhooks"), ("POST", "/webhooks"), ("POST", "/deliveries/1/again")]
)
def test_only_admins_may(researcher, method, path):
    assert researcher.call(method, path, json={"url": URL}).status_code == 403


def test_deliveries_come_in_pages(admin, factory):
    with transaction(factory) as session:
        hook = builders.webhook(session)
        ids = [builders.delivery(session, webhook_id=hook.id, state=DeliveryState.DELIVERED).id for _ in range(3)]
    first = admin.call("GET", f"/webhooks/{hook.id}/deliveries?limit=2").json()
    rest = admin.call("GET", f"/webhooks/{hook.id}/deliveries?limit=2&cursor={first['next']}").json()
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None


def test_someone_chooses_over_the_api_what_they_hear_of(researcher, annotator, factory):
    with transaction(factory) as session:
        study = builders.study(session, name="Emoji")
    [own, of_study] = researcher.call("GET", "/me/mail").json()
    assert (own["study_id"], of_study["study"], of_study["kinds"]) == (None, "Emoji", [])
    assert "round.fail" in own["kinds"]
    wishes = researcher.call("PUT", "/me/mail", json={"study": study.id, "kinds": ["checkpoint.made"]}).json()
    assert wishes[1]["kinds"] == ["checkpoint.made"]
    assert researcher.call("PUT", "/me/mail", json={"kinds": ["nothing"]}).status_code == 422
    assert researcher.call("POST", "/me/mail/test").status_code == 503
    assert annotator.call("GET", "/me/mail").status_code == 403
    with transaction(factory) as session:
        assert session.query(Delivery).count() == 0
