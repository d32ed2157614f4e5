from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import Delivery, DeliveryState, Event, Role, Webhook
from app.services import deliveries
from app.services.deliveries import End, Outcome, Parcel, ToWebhook
from tests import builders

OK = Outcome(End.DELIVERED, "", 204, 12)
BAD = Outcome(End.FAILED, "Nothing here", 500, 34)


def claimed(db: Session) -> Parcel:
    parcel = deliveries.claim(db)
    assert parcel is not None
    return parcel


def row(db: Session, delivery: Delivery) -> Delivery:
    return db.get_one(Delivery, delivery.id, populate_existing=True)


def seconds_left(db: Session, delivery: Delivery) -> float:
    return (row(db, delivery).due_at - deliveries._now(db)).total_seconds()


def due_again(db: Session, delivery: Delivery) -> None:
    row(db, delivery).due_at = builders.now() - timedelta(days=1)
    db.flush()


def test_the_longest_due_goes_first_and_one_at_a_time_to_each_receiver(db: Session) -> None:
    hook = builders.webhook(db)
    first = builders.delivery(db, webhook_id=hook.id, due_at=builders.now() - timedelta(minutes=2))
    second = builders.delivery(db, webhook_id=hook.id, due_at=builders.now() - timedelta(minutes=1))
    person = builders.user(db, role=Role.ADMIN, email="ada@example.org", preferences={"language": "de"})
    other = builders.delivery(db, user_id=person.id)
    builders.delivery(db, due_at=builders.now() + timedelta(minutes=1))
    one, two = claimed(db), claimed(db)
    assert (one.delivery_id, two.delivery_id, deliveries.claim(db)) == (first.id, other.id, None)
    assert (two.to.email, two.to.language, two.to.sees_admin) == ("ada@example.org", "de", True)
    deliveries.record(db, one, OK)
    assert claimed(db).delivery_id == second.id


def test_what_was_delivered_keeps_what_was_answered(db: Session) -> None:
    delivery = builders.delivery(db)
    assert deliveries.record(db, claimed(db), OK) is DeliveryState.DELIVERED
    done = row(db, delivery)
    assert (done.state, done.ended_at is not None, done.lease_until) == (DeliveryState.DELIVERED, True, None)
    [attempt] = done.attempts
    assert (attempt["status"], attempt["ms"], attempt["end"]) == (204, 12, "delivered")


def test_a_failure_waits_longer_each_time_and_is_given_up_after_a_day(db: Session) -> None:
    delivery = builders.delivery(db)
    waited = 0.0
    for number in range(1, deliveries.MOST_TRIES):
        assert deliveries.record(db, claimed(db), BAD) is DeliveryState.WAITING
        left = seconds_left(db, delivery)
        usual = min(10 * 4 ** (number - 1), 6 * 3600)
        assert 0.75 * usual <= left <= 1.25 * usual
        waited += usual
        due_again(db, delivery)
    assert deliveries.record(db, claimed(db), BAD) is DeliveryState.GIVEN_UP
    assert 18 * 3600 < waited < 30 * 3600
    assert row(db, delivery).end_reason == "It was tried 10 times, for about a day."
    assert deliveries.claim(db) is None


def test_pauses_differ_by_chance() -> None:
    assert [deliveries.pause(2, chance) for chance in (0, 0.5, 1)] == [30, 40, 50]


def test_who_asks_to_be_left_alone_is_for_six_hours_at_most(db: Session) -> None:
    delivery = builders.delivery(db)
    deliveries.record(db, claimed(db), Outcome(End.FAILED, "", 429, 1, wait_s=3600))
    assert seconds_left(db, delivery) == pytest.approx(3600)
    due_again(db, delivery)
    deliveries.record(db, claimed(db), Outcome(End.FAILED, "", 429, 1, wait_s=1e9))
    assert seconds_left(db, delivery) == pytest.approx(6 * 3600)


@pytest.mark.parametrize("end", [End.REFUSED, End.GONE])
def test_what_will_not_change_is_not_tried_again(db: Session, end: End) -> None:
    delivery = builders.delivery(db)
    assert deliveries.record(db, claimed(db), Outcome(end, "no", 550)) is DeliveryState.GIVEN_UP
    assert row(db, delivery).end_reason == "The receiver will not take it."


def test_a_test_is_tried_once_and_says_nothing_bad_of_its_webhook(db: Session) -> None:
    delivery = builders.delivery(db, retried=False)
    assert deliveries.record(db, claimed(db), BAD) is DeliveryState.GIVEN_UP
    assert db.get_one(Webhook, delivery.webhook_id).failing_since is None


def test_a_sender_that_was_killed_leaves_a_lease_that_runs_out_and_stores_nothing_later(db: Session) -> None:
    delivery = builders.delivery(db)
    lost = claimed(db)
    assert deliveries.claim(db) is None
    row(db, delivery).lease_until = builders.now() - timedelta(seconds=1)
    db.flush()
    again = claimed(db)
    assert (again.delivery_id, again.key, again.attempt) == (delivery.id, lost.key, lost.attempt + 1)
    assert deliveries.record(db, lost, OK) is None
    assert row(db, delivery).state is DeliveryState.WAITING
    assert deliveries.record(db, again, OK) is DeliveryState.DELIVERED


def test_what_ends_the_site_each_time_is_given_up_too(db: Session) -> None:
    delivery = builders.delivery(db, tries=10, attempt=10, lease_until=builders.now() - timedelta(seconds=1))
    assert deliveries.claim(db) is None
    deliveries.tidy(db)
    assert row(db, delivery).state is DeliveryState.GIVEN_UP


def test_what_ended_a_month_ago_goes(db: Session) -> None:
    old = builders.delivery(db, state=DeliveryState.DELIVERED, ended_at=builders.now() - timedelta(days=31))
    kept = builders.delivery(db, state=DeliveryState.DELIVERED)
    deliveries.tidy(db)
    assert db.scalars(select(Delivery.id)).all() == [kept.id]
    with pytest.raises(NotFound):
        deliveries.get(db, old.id)


def test_only_so_many_attempts_are_kept(db: Session) -> None:
    delivery = builders.delivery(db, attempts=[{"said": str(number)} for number in range(20)])
    deliveries.record(db, claimed(db), OK)
    assert [attempt.get("said") for attempt in row(db, delivery).attempts][:2] == ["1", "2"]


def test_a_webhook_that_fails_for_days_is_switched_off_and_its_maker_is_told(db: Session) -> None:
    ada = builders.user(db, role=Role.ADMIN, email="ada@example.org")
    hook = builders.webhook(db, created_by_id=ada.id, failing_since=builders.now() - timedelta(days=4, hours=1))
    failing = builders.delivery(db, webhook_id=hook.id, tries=deliveries.MOST_TRIES - 1)
    later = builders.delivery(db, webhook_id=hook.id, due_at=builders.now() + timedelta(hours=1))
    assert deliveries.record(db, claimed(db), BAD) is DeliveryState.GIVEN_UP
    assert (hook.off_at is not None, hook.off_reason) == (True, "Nothing could be delivered for 4 days.")
    assert row(db, later).state is DeliveryState.CANCELLED
    assert row(db, failing).state is DeliveryState.GIVEN_UP
    event = db.scalars(select(Event).where(Event.what == "webhook.switched_off")).one()
    assert (event.actor_id, event.details["cancelled"]) == (None, 1)
    letter = db.scalars(select(Delivery).where(Delivery.user_id == ada.id)).one()
    assert (letter.event_id, letter.body["data"]["path"]) == (event.id, f"/admin/webhooks/{hook.id}")


def test_one_that_failed_once_long_ago_is_not(db: Session) -> None:
    """Nothing was lost yet: what is being tried may still arrive."""
    hook = builders.webhook(db, failing_since=builders.now() - timedelta(days=40))
    builders.delivery(db, webhook_id=hook.id)
    deliveries.record(db, claimed(db), BAD)
    assert hook.off_at is None


def test_a_failure_is_remembered_until_the_next_success(db: Session) -> None:
    hook = builders.webhook(db)
    delivery = builders.delivery(db, webhook_id=hook.id)
    deliveries.record(db, claimed(db), BAD)
    since = hook.failing_since
    assert since is not None
    due_again(db, delivery)
    deliveries.record(db, claimed(db), BAD)
    assert hook.failing_since == since
    due_again(db, delivery)
    deliveries.record(db, claimed(db), OK)
    assert hook.failing_since is None


def test_one_that_is_gone_is_switched_off_at_once(db: Session) -> None:
    hook = builders.webhook(db)
    builders.delivery(db, webhook_id=hook.id)
    deliveries.record(db, claimed(db), Outcome(End.GONE, "", 410))
    assert hook.off_reason == "It answered 410 Gone: it wants nothing more."


def test_it_is_delivered_again_with_the_same_key_and_its_tries_anew(db: Session) -> None:
    admin = builders.user(db, role=Role.ADMIN)
    delivery = builders.delivery(db, state=DeliveryState.GIVEN_UP, tries=10, end_reason="no")
    deliveries.again(db, delivery.id, actor=admin)
    again = claimed(db)
    assert (again.key, again.tries) == (delivery.key, 1)
    event = db.scalars(select(Event).where(Event.what == "delivery.again")).one()
    assert (event.actor_id, event.object_id) == (admin.id, delivery.webhook_id)
    with pytest.raises(Conflict, match="on its way"):
        deliveries.again(db, delivery.id, actor=admin)


def test_nothing_is_delivered_to_one_that_is_off(db: Session) -> None:
    hook = builders.webhook(db)
    delivery = builders.delivery(db, webhook_id=hook.id)
    parcel = claimed(db)
    deliveries.switch_off(db, hook, None, actor=None)
    assert row(db, delivery).state is DeliveryState.CANCELLED
    assert deliveries.record(db, parcel, OK) is None
    with pytest.raises(Conflict, match="switched off"):
        deliveries.again(db, delivery.id, actor=None)


def test_both_secrets_sign_for_as_long_as_the_old_one_does(db: Session) -> None:
    hook = builders.webhook(db, old_secret="old", old_secret_until=builders.now() + timedelta(hours=1))
    delivery = builders.delivery(db, webhook_id=hook.id)
    first = claimed(db)
    assert isinstance(first.to, ToWebhook)
    assert first.to.secrets == ("sealed", "old")
    deliveries.record(db, first, BAD)
    hook.old_secret_until = builders.now() - timedelta(seconds=1)
    due_again(db, delivery)
    assert claimed(db).to.secrets == ("sealed",)
