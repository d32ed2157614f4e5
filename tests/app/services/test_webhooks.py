import base64

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Damaged, NotFound
from app.models import Delivery, DeliveryState, Event, Webhook
from app.services import webhooks
from app.settings import Settings, make_settings
from tests import builders
from tests.conftest import SECRET

URL = "https://hooks.example.org/taste?x=1"


@pytest.fixture
def settings() -> Settings:
    return make_settings(secret_key=SECRET, webhook_private=False)


def made(db: Session, settings: Settings, **values) -> tuple[Webhook, str]:
    return webhooks.make(db, settings, **{"url": URL, "kinds": ["round.trained"], "actor": None, **values})


def history(db: Session) -> list[str]:
    return list(db.scalars(select(Event.what).where(Event.what.startswith("webhook.")).order_by(Event.id)))


def test_a_new_one_has_a_secret_that_the_database_alone_does_not_tell(db: Session, settings: Settings) -> None:
    admin = builders.user(db)
    hook, secret = made(db, settings, actor=admin, note=" for Ada ", study_id=builders.study(db).id)
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret not in hook.secret
    assert webhooks.unsealed(settings, hook.secret) == secret
    assert (hook.note, hook.created_by_id, hook.off_at) == ("for Ada", admin.id, None)
    event = db.scalars(select(Event).where(Event.what == "webhook.made")).one()
    assert (event.object_id, event.study_id, event.details["url"]) == (hook.id, hook.study_id, URL)
    assert secret not in str(event.details)


def test_a_secret_of_another_key_is_said_to_be_lost(db: Session, settings: Settings) -> None:
    hook, _ = made(db, settings)
    with pytest.raises(Damaged, match="another key"):
        webhooks.unsealed(make_settings(secret_key="o" * 40), hook.secret)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "hooks.example.org"}, "url"),
        ({"url": "ftp://hooks.example.org"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://host:99999/"}, "url"),
        ({"url": "https://me:pass@hooks.example.org/"}, "url"),
        ({"url": "https://hooks.example.org/#part"}, "url"),
        ({"url": "https://hooks.example.org/a b"}, "url"),
        ({"url": "https://hooks.example.org/" + "x" * 2000}, "url"),
        ({"url": "http://127.0.0.1:9000/"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"kinds": []}, "events"),
        ({"kinds": ["round.danced"]}, "events"),
        ({"note": "x" * 201}, "note"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(db: Session, settings: Settings, values, field) -> None:
    with pytest.raises(BadInput) as refused:
        made(db, settings, **values)
    assert set(refused.value.fields) == {field}
    assert history(db) == []


def test_a_private_address_may_be_used_where_the_installation_lets_it(db: Session, settings: Settings) -> None:
    hook, _ = made(db, settings.with_values(webhook_private=True), url="http://127.0.0.1:9000/")
    assert hook.url == "http://127.0.0.1:9000/"


def test_a_change_is_an_event_and_none_is_none(db: Session, settings: Settings) -> None:
    hook, _ = made(db, settings)
    same = {"url": URL, "kinds": ["round.trained"], "note": "", "study_id": None}
    webhooks.change(db, settings, webhook_id=hook.id, actor=None, **same)
    webhooks.change(db, settings, webhook_id=hook.id, actor=None, **{**same, "kinds": ["round.fail", "round.launched"]})
    assert history(db) == ["webhook.made", "webhook.changed"]
    event = db.scalars(select(Event).where(Event.what == "webhook.changed")).one()
    assert event.details["changed"] == {"events": ["round.launched", "round.fail"]}
    with pytest.raises(NotFound):
        webhooks.change(db, settings, webhook_id=hook.id, actor=None, **{**same, "study_id": 10**9})


def test_a_new_secret_takes_over_while_the_old_one_still_signs(db: Session, settings: Settings) -> None:
    hook, old = made(db, settings)
    new = webhooks.renew_secret(db, settings, webhook_id=hook.id, actor=None)
    db.refresh(hook)
    assert new != old
    assert webhooks.unsealed(settings, hook.secret) == new
    assert webhooks.unsealed(settings, hook.old_secret) == old
    assert 23 < (hook.old_secret_until - builders.now()).total_seconds() / 3600 < 25


def test_it_is_switched_off_and_on(db: Session, settings: Settings) -> None:
    hook, _ = made(db, settings)
    waiting = builders.delivery(db, webhook_id=hook.id)
    for _ in range(2):
        webhooks.switch_off(db, webhook_id=hook.id, actor=None)
    assert db.get_one(Delivery, waiting.id, populate_existing=True).state is DeliveryState.CANCELLED
    with pytest.raises(Conflict):
        webhooks.test(db, webhook_id=hook.id, actor=None)
    for _ in range(2):
        webhooks.switch_on(db, webhook_id=hook.id, actor=None)
    assert history(db) == ["webhook.made", "webhook.switched_off", "webhook.switched_on"]
    assert (hook.off_at, hook.off_reason) == (None, None)


def test_a_test_is_a_delivery_to_it_alone(db: Session, settings: Settings) -> None:
    builders.webhook(db)
    hook, _ = made(db, settings)
    webhooks.test(db, webhook_id=hook.id, actor=None)
    [delivery] = db.scalars(select(Delivery)).all()
    assert (delivery.webhook_id, delivery.retried, delivery.body["type"]) == (hook.id, False, "webhook.tested")


def test_it_is_removed_with_all_that_is_its_own_but_its_history(db: Session, settings: Settings) -> None:
    hook, _ = made(db, settings)
    builders.delivery(db, webhook_id=hook.id)
    webhooks.remove(db, webhook_id=hook.id, actor=None)
    assert (webhooks.lines(db), db.scalars(select(Delivery)).all()) == ([], [])
    assert history(db) == ["webhook.made", "webhook.removed"]
    with pytest.raises(NotFound):
        webhooks.get(db, hook.id)
