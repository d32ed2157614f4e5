"""The outbox: where events are sent, and what is sent there."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Json, words


class Webhook(Base):
    """An address of another program to which events are sent, signed (Standard Webhooks).

    `events` are the kinds that it is sent, of one study or of all. `secret` signs; it is kept sealed with the
    installation's key. After a renewal `old_secret` signs too, until `old_secret_until`. `failing_since` is the first
    failure after the last success. `off_at` says that nothing is sent to it: an admin switched it off, or the site did
    after long failure (then `off_reason` says so).
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint("off_reason IS NULL OR off_at IS NOT NULL", name="reason_of_being_off"),
        CheckConstraint("(old_secret IS NULL) = (old_secret_until IS NULL)", name="old_secret_ends"),
    )

    id: Mapped[Id]
    url: Mapped[str] = mapped_column(String(2000))
    note: Mapped[str] = mapped_column(String(200), default="")
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"), index=True)
    events: Mapped[list[Any]]
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[datetime | None]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    failing_since: Mapped[datetime | None]
    off_at: Mapped[datetime | None]
    off_reason: Mapped[str | None]


class MailWish(Base):
    """Which kinds of events someone wants by e-mail: of one study, or (no study) of the rounds that they launched."""

    __tablename__ = "mail_wishes"
    __table_args__ = (
        UniqueConstraint("user_id", "study_id", postgresql_nulls_not_distinct=True),
        Index("ix_mail_wishes_study_id", "study_id"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"))
    events: Mapped[list[Any]]


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"


class Delivery(Base):
    """One event on its way to one webhook, or to one person by e-mail. Written in the event's own transaction.

    Waiting until it is delivered, given up or cancelled (`end_reason` says why); delivering it again takes it back to
    waiting. `key` is the message's identity and the same at every attempt, so that a receiver can tell a repetition.
    Like a job it is claimed by one UPDATE that raises `attempt` and leases it; the result is written WHERE id and
    attempt match, and a lease that ran out (the site was killed) makes it due again: at least once, never lost.
    `tries` are the attempts since it was last put to wait, which set the pause before the next; `attempts` keeps the
    newest ones with what was answered. One that is not `retried` (a test) is tried once.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "due_at", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_deliveries_ended", "ended_at", postgresql_where=text("state <> 'waiting'")),
        Index("uq_deliveries_webhook_event", "webhook_id", "event_id", unique=True),
        Index("uq_deliveries_user_event", "user_id", "event_id", unique=True),
        CheckConstraint("num_nonnulls(webhook_id, user_id) = 1", name="one_receiver"),
        CheckConstraint("(ended_at IS NULL) = (state = 'waiting')", name="ended_has_time"),
        CheckConstraint("attempt >= 0 AND tries >= 0", name="counts_not_negative"),
    )

    id: Mapped[Id]
    key: Mapped[uuid.UUID] = mapped_column(unique=True, default=uuid.uuid4)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    webhook_id: Mapped[int | None] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    body: Mapped[Json]
    retried: Mapped[bool] = mapped_column(default=True)
    state: Mapped[DeliveryState] = mapped_column(words(DeliveryState, "state"), default=DeliveryState.WAITING)
    attempt: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[list[Any]] = mapped_column(default=list)
    due_at: Mapped[CreatedAt]
    lease_until: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]
