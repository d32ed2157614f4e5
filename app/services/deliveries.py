"""Deliveries on their way: claimed, recorded, put to wait again, and let go when they are old.

A claim is one compare-and-set UPDATE, as of jobs: at most one delivery of a receiver is on its way at a time, and a
result is stored only by the attempt that holds it. Whoever is killed in between leaves a lease that runs out, and the
delivery goes again with the same key.
"""

import random
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.errors import Conflict, NotFound
from app.models import Delivery, DeliveryState, User, Webhook
from app.models.base import Json, fixed
from app.services import events, outbox, user_preferences
from app.services.locks import Lock, exclusive
from app.services.permissions import Right, may

MOST_TRIES = 10
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 6 * 3600.0
LEASE = timedelta(seconds=90)  # longer than an attempt may take
SWITCH_OFF_AFTER = timedelta(days=3)
KEPT = timedelta(days=30)
ATTEMPTS_KEPT = 20
LOCKED: Any = {"with_for_update": {"key_share": True}, "populate_existing": True}


class End(StrEnum):
    """How an attempt ended. Trying again helps only where it `failed`; `gone`: the receiver wants no more at all."""

    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"
    GONE = "gone"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt: the receiver's status (of HTTP or SMTP, where it gave one), how long it took in
    milliseconds, and the beginning of its answer or what went wrong. `wait_s`: how long it asks to be left alone."""

    end: End
    said: str = ""
    status: int | None = None
    ms: int = 0
    wait_s: float = 0.0


@dataclass(frozen=True)
class Attempt:
    """An attempt as it is kept on its delivery; `at` is ISO 8601."""

    at: str
    end: str
    status: int | None
    ms: int
    said: str


@dataclass(frozen=True)
class ToWebhook:
    """Where it goes, and the sealed secrets that sign it, the newest first."""

    webhook_id: int
    url: str
    secrets: tuple[str, ...]
    is_off: bool


@dataclass(frozen=True)
class ToPerson:
    """Whom it goes to; no `email` where they are not to be written to (any more). `sees_admin`: the admin's pages."""

    user_id: int
    name: str
    email: str | None
    language: str
    sees_admin: bool


@dataclass(frozen=True)
class Parcel:
    """A delivery as one attempt holds it."""

    delivery_id: int
    attempt: int
    tries: int
    key: UUID
    body: Json
    retried: bool
    to: ToWebhook | ToPerson


def claim(session: Session) -> Parcel | None:
    """Take the delivery that has been due longest and whose receiver is sent nothing else just now; or none.

    One claim at a time over all processes: two at once would both find a receiver idle.
    """
    exclusive(session, Lock.DELIVERIES)
    other = aliased(Delivery)
    busy = exists().where(
        other.state == DeliveryState.WAITING,
        other.lease_until > func.now(),
        or_(other.webhook_id == Delivery.webhook_id, other.user_id == Delivery.user_id),
    )
    due = (
        select(Delivery.id)
        .where(
            Delivery.state == fixed(DeliveryState.WAITING, Delivery.state),
            Delivery.due_at <= func.now(),
            or_(Delivery.lease_until.is_(None), Delivery.lease_until <= func.now()),
            Delivery.tries < MOST_TRIES,
            ~busy,
        )
        .order_by(Delivery.due_at, Delivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = session.scalars(
        update(Delivery)
        .where(Delivery.id == due)
        .values(attempt=Delivery.attempt + 1, tries=Delivery.tries + 1, lease_until=func.now() + LEASE)
        .returning(Delivery)
    ).one_or_none()
    return _parcel(session, taken) if taken else None


def record(session: Session, parcel: Parcel, outcome: Outcome) -> DeliveryState | None:
    """Store what came of an attempt; none where another attempt holds the delivery by now, or it is gone."""
    # a webhook's row is locked before those of its deliveries, here and wherever both are
    webhook = session.get(Webhook, parcel.to.webhook_id, **LOCKED) if isinstance(parcel.to, ToWebhook) else None
    row = session.scalars(
        select(Delivery)
        .where(
            Delivery.id == parcel.delivery_id,
            Delivery.attempt == parcel.attempt,
            Delivery.state == DeliveryState.WAITING,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return None
    if outcome.end is not End.CANCELLED:
        row.attempts = [*row.attempts, _kept(outcome)][-ATTEMPTS_KEPT:]
    row.lease_until = None
    _settle(row, outcome)
    session.flush()
    if webhook is not None and webhook.off_at is None and outcome.end is not End.CANCELLED:
        _note_health(session, webhook, row, outcome)
    return row.state


def pause(tries: int, chance: float) -> float:
    """Seconds before the next attempt, after `tries` in a row: four times as long each time, give or take a quarter by
    `chance` (0 to 1), so that what failed together does not come back together."""
    longest: float = min(FIRST_PAUSE_S * 4 ** (tries - 1), LONGEST_PAUSE_S)
    return longest * (0.75 + 0.5 * chance)


def again(session: Session, delivery_id: int, *, actor: User | None) -> Delivery:
    """Deliver it (once more) as soon as may be, with its tries counted anew. Raises `Conflict` where it is on its way
    at this moment, or its webhook is switched off."""
    row = get(session, delivery_id, lock=True)
    if row.state is DeliveryState.WAITING and row.lease_until and row.lease_until > _now(session):
        raise Conflict("This delivery is on its way at this moment.", "Look again in a few seconds.")
    webhook = session.get(Webhook, row.webhook_id) if row.webhook_id is not None else None
    if webhook is not None and webhook.off_at is not None:
        raise Conflict("This webhook is switched off.", "Switch it on, then deliver again.")
    row.state, row.tries, row.due_at, row.ended_at, row.end_reason = DeliveryState.WAITING, 0, func.now(), None, None
    about = webhook or session.get_one(User, row.user_id)
    events.write(session, "delivery.again", about, actor=actor, delivery=row.id)
    session.flush()
    return row


def get(session: Session, delivery_id: int, *, lock: bool = False) -> Delivery:
    """The delivery. Raises `NotFound`."""
    row = session.get(Delivery, delivery_id, **(LOCKED if lock else {}))
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id}.", "Deliveries are kept for 30 days.")
    return row


def cancel(session: Session, webhook: Webhook, reason: str) -> int:
    """Send a webhook nothing of what waits for it: how many there were."""
    cancelled = session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook.id, Delivery.state == DeliveryState.WAITING)
        .values(state=DeliveryState.CANCELLED, ended_at=func.now(), end_reason=reason, lease_until=None)
        .returning(Delivery.id)
    )
    return len(cancelled.all())


def tidy(session: Session) -> None:
    """Give up what was tried as often as may be and never recorded, and let go what ended long ago."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.state == fixed(DeliveryState.WAITING, Delivery.state),
            Delivery.tries >= MOST_TRIES,
            Delivery.lease_until <= func.now(),
        )
        .values(
            state=DeliveryState.GIVEN_UP, ended_at=func.now(), lease_until=None,
            end_reason="The site ended each time while it was sent.",
        )
    )  # fmt: skip
    session.execute(
        delete(Delivery).where(
            Delivery.state != fixed(DeliveryState.WAITING, Delivery.state), Delivery.ended_at < func.now() - KEPT
        )
    )


def switch_off(session: Session, webhook: Webhook, reason: str | None, *, actor: User | None) -> None:
    """Send a webhook nothing more until it is switched on. With a `reason` the site did it, and whoever made the
    webhook is told by e-mail."""
    webhook.off_at, webhook.off_reason = func.now(), reason
    session.flush()
    cancelled = cancel(session, webhook, "The webhook was switched off.")
    event = events.write(
        session, "webhook.switched_off", webhook, actor=actor, reason=reason, cancelled=cancelled, url=webhook.url
    )
    if reason is None:
        return
    session.flush()
    body = outbox.body_of(event, details=event.details, path=f"/admin/webhooks/{webhook.id}")
    maker = select(User.id).where(User.id == (webhook.created_by_id or 0), *outbox.may_hear())
    for user_id in session.scalars(maker):
        outbox.put(session, event, body, user_id=user_id)


def _settle(row: Delivery, outcome: Outcome) -> None:
    """Move a locked delivery to where the attempt leaves it."""
    if outcome.end is End.FAILED and row.retried and row.tries < MOST_TRIES:
        seconds = max(pause(row.tries, random.random()), min(outcome.wait_s, LONGEST_PAUSE_S))  # noqa: S311 -- no secret
        row.due_at = func.now() + timedelta(seconds=seconds)
        return
    row.ended_at = func.now()
    match outcome.end:
        case End.DELIVERED:
            row.state = DeliveryState.DELIVERED
        case End.CANCELLED:
            row.state, row.end_reason = DeliveryState.CANCELLED, outcome.said
        case _:
            row.state = DeliveryState.GIVEN_UP
            row.end_reason = _why_given_up(row, outcome)


def _why_given_up(row: Delivery, outcome: Outcome) -> str:
    if outcome.end is End.FAILED and row.retried:
        return f"It was tried {row.tries} times, for about a day."
    if outcome.end is End.FAILED:
        return "A test is tried once."
    return "The receiver will not take it."


def _note_health(session: Session, webhook: Webhook, row: Delivery, outcome: Outcome) -> None:
    """A success forgets failures before it. A webhook that fails for days is switched off once something for it had to
    be given up: until then there was nothing that it missed. Tests only ever tell good news."""
    now = _now(session)
    if outcome.end is End.DELIVERED:
        webhook.failing_since = None
    elif outcome.end is End.GONE:
        switch_off(session, webhook, "It answered 410 Gone: it wants nothing more.", actor=None)
    elif row.retried:
        webhook.failing_since = webhook.failing_since or now
        failing = now - webhook.failing_since
        if failing > SWITCH_OFF_AFTER and row.state is DeliveryState.GIVEN_UP:
            switch_off(session, webhook, f"Nothing could be delivered for {failing.days} days.", actor=None)
    session.flush()


def _parcel(session: Session, row: Delivery) -> Parcel:
    return Parcel(row.id, row.attempt, row.tries, row.key, row.body, row.retried, _receiver(session, row))


def _receiver(session: Session, row: Delivery) -> ToWebhook | ToPerson:
    if row.webhook_id is not None:
        webhook = session.get_one(Webhook, row.webhook_id)
        secrets = [webhook.secret]
        if webhook.old_secret is not None and webhook.old_secret_until and webhook.old_secret_until > _now(session):
            secrets.append(webhook.old_secret)
        return ToWebhook(webhook.id, webhook.url, tuple(secrets), webhook.off_at is not None)
    user = session.get_one(User, row.user_id)
    hears = session.scalar(select(exists().where(and_(User.id == user.id, *outbox.may_hear()))))
    language = user_preferences.of(user).language
    sees_admin = may(user, Right.RUN_STUDIES)
    return ToPerson(user.id, user.display_name, user.email if hears else None, language, sees_admin)


def _kept(outcome: Outcome) -> Json:
    attempt = Attempt(
        datetime.now(UTC).isoformat(timespec="seconds"), outcome.end, outcome.status, outcome.ms, outcome.said
    )
    return asdict(attempt)


def _now(session: Session) -> datetime:
    """The transaction's time, by the database's clock."""
    return session.execute(select(func.now())).scalar_one()
