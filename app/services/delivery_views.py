"""Deliveries as an admin sees them: newest first, in pages, each with what was answered. A fixed number of queries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from app.models import Delivery, DeliveryState, Study, User, Webhook
from app.models.base import Json
from app.services import outbox
from app.services.deliveries import Attempt

SOON = timedelta(seconds=20)


@dataclass(frozen=True)
class DeliveryLine:
    """One delivery. `due_at` is when it is tried next, while it waits; `on_its_way`: at this moment. `attempts` are the
    newest first. `receiver` names the person that it goes to, where it goes to one."""

    id: int
    key: UUID
    event_id: int
    webhook_id: int | None
    receiver: str | None
    kind: str
    state: DeliveryState
    tries: int
    on_its_way: bool
    soon: bool
    due_at: datetime
    created_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    attempts: Sequence[Attempt]
    body: Json

    @property
    def last(self) -> Attempt | None:
        return self.attempts[0] if self.attempts else None

    @property
    def sent(self) -> str:
        """What is sent, for people to read."""
        return json.dumps(self.body, indent=2, ensure_ascii=False)

    @property
    def moves(self) -> bool:
        """Whether a look in a few seconds may show something else."""
        return self.state is DeliveryState.WAITING and (self.on_its_way or self.soon)


@dataclass(frozen=True)
class WebhookLine:
    """A webhook, with the study it is for and how its last delivery ended (none: it was sent nothing yet)."""

    id: int
    url: str
    note: str
    study_id: int | None
    study: str | None
    events: Sequence[str]
    created_at: datetime
    failing_since: datetime | None
    off_at: datetime | None
    off_reason: str | None
    last_state: DeliveryState | None
    last_at: datetime | None


def of_webhook(
    session: Session, webhook_id: int, *, site_url: str, before: int | None = None, limit: int = 30
) -> Sequence[DeliveryLine]:
    """A webhook's deliveries, newest first; `before` is the id that the page before ended with."""
    return _lines(session, _query().where(Delivery.webhook_id == webhook_id), site_url, before, limit)


def of_mail(
    session: Session, *, site_url: str, before: int | None = None, limit: int = 30
) -> Sequence[DeliveryLine]:  # fmt: skip
    """What went to people by e-mail, newest first."""
    return _lines(session, _query().where(Delivery.user_id.is_not(None)), site_url, before, limit)


def line(session: Session, delivery_id: int, *, site_url: str) -> DeliveryLine:
    """One delivery that is known to be there."""
    [found] = _lines(session, _query().where(Delivery.id == delivery_id), site_url, None, 1)
    return found


def webhooks(session: Session, *where: Any) -> Sequence[WebhookLine]:
    """All webhooks (or those that fit), oldest first."""
    last = aliased(
        Delivery,
        select(Delivery)
        .where(Delivery.webhook_id.is_not(None))
        .ext(distinct_on(Delivery.webhook_id))
        .order_by(Delivery.webhook_id, Delivery.event_id.desc())
        .subquery(),
    )
    names = ("id", "url", "note", "study_id", "events", "created_at", "failing_since", "off_at", "off_reason")
    rows = session.execute(
        select(
            *(getattr(Webhook, name) for name in names),
            Study.name.label("study"),
            last.state.label("last_state"),
            func.coalesce(last.ended_at, last.created_at).label("last_at"),
        )
        .outerjoin(Study, Study.id == Webhook.study_id)
        .outerjoin(last, last.webhook_id == Webhook.id)
        .where(*where)
        .order_by(Webhook.id)
    )
    return [WebhookLine(**row) for row in rows.mappings()]


def _query() -> Select[Any]:
    waits = Delivery.state == DeliveryState.WAITING
    return select(
        Delivery,
        User.display_name,
        case((waits, func.coalesce(Delivery.lease_until > func.now(), False)), else_=False),
        case((waits, Delivery.due_at < func.now() + SOON), else_=False),
    ).outerjoin(User, User.id == Delivery.user_id)


def _lines(
    session: Session, query: Select[Any], site_url: str, before: int | None, limit: int
) -> list[DeliveryLine]:  # fmt: skip
    if before is not None:
        query = query.where(Delivery.id < before)
    rows = session.execute(query.order_by(Delivery.id.desc()).limit(limit).execution_options(populate_existing=True))
    return [
        DeliveryLine(
            row.id, row.key, row.event_id, row.webhook_id, name, row.body["type"], row.state, row.tries, on_its_way,
            soon, row.due_at, row.created_at, row.ended_at, row.end_reason,
            [Attempt(**attempt) for attempt in reversed(row.attempts)],
            outbox.addressed(row.body, site_url),
        )
        for row, name, on_its_way, soon in rows
    ]  # fmt: skip
