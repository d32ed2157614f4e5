"""Webhooks: messages to other programs when rounds move, and what became of each. For admins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tastemaker.client.http import Http
from tastemaker.client.shapes import Json

DeliveryState = Literal["waiting", "delivered", "given_up", "cancelled"]


@dataclass(frozen=True)
class Webhook:
    """A webhook; its secret is only told when it is made or renewed. Of no study: of all."""

    id: int
    url: str
    note: str
    study_id: int | None
    events: list[str]
    created_at: datetime
    failing_since: datetime | None
    off_at: datetime | None
    off_reason: str | None
    last_state: DeliveryState | None
    last_at: datetime | None


@dataclass(frozen=True)
class MadeWebhook(Webhook):
    """A new webhook with the secret that signs its messages, told this once."""

    secret: str


@dataclass(frozen=True)
class Attempt:
    """One attempt; `status` is None where nothing was answered."""

    at: datetime
    end: str
    status: int | None
    ms: int
    said: str


@dataclass(frozen=True)
class Delivery:
    """One event on its way."""

    id: int
    event_id: int
    webhook_id: int | None
    receiver: str | None
    kind: str
    state: DeliveryState
    tries: int
    due_at: datetime
    created_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    attempts: list[Attempt]
    body: Json
    message_id: str


class Webhooks:
    """`client.webhooks`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self) -> list[Webhook]:
        return self._http.many(Webhook, "/webhooks")

    def get(self, webhook: int) -> Webhook:
        return self._http.one(Webhook, "GET", f"/webhooks/{webhook}")

    def create(
        self, url: str, *, events: Sequence[str] | None = None, study: int | None = None, note: str = ""
    ) -> MadeWebhook:
        """Have events posted to `url`; without `events`, all that rounds have."""
        body: dict[str, Any] = {"url": url, "study": study, "note": note}
        if events is not None:
            body["events"] = list(events)
        return self._http.one(MadeWebhook, "POST", "/webhooks", body=body)

    def change(self, webhook: int, **changes: Any) -> Webhook:
        """`url`, `events`, `study` (None: of all), `note`, `on`; what is left out stays."""
        return self._http.one(Webhook, "PATCH", f"/webhooks/{webhook}", body=changes)

    def remove(self, webhook: int) -> None:
        self._http.json("DELETE", f"/webhooks/{webhook}")

    def renew_secret(self, webhook: int) -> str:
        """A new secret; for a day the one before signs, too."""
        made: str = self._http.json("POST", f"/webhooks/{webhook}/secret")["secret"]
        return made

    def test(self, webhook: int) -> Delivery:
        """Have a test sent; look at its delivery among `deliveries`."""
        return self._http.one(Delivery, "POST", f"/webhooks/{webhook}/test")

    def deliveries(self, webhook: int) -> Iterator[Delivery]:
        """What it was sent, newest first, kept for 30 days."""
        return self._http.pages(Delivery, f"/webhooks/{webhook}/deliveries")

    def deliver_again(self, delivery: int) -> Delivery:
        return self._http.one(Delivery, "POST", f"/deliveries/{delivery}/again")
