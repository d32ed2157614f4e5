"""Webhooks: made, changed, tested; what they were sent, and sending it again."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, computed_field

from app.models import DeliveryState, Webhook
from app.services import deliveries, delivery_views, outbox, webhooks
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRunHouse
from app.web.api.shapes import Shape
from app.web.deps import SessionDep, SettingsDep

router = APIRouter(tags=["webhooks"])

Kinds = Annotated[list[str], Field(description=f"Kinds of events: {', '.join(outbox.ROUND_EVENTS)}.")]


class NewWebhook(Body):
    url: str = Field(description="Where events are posted, as Standard Webhooks says.")
    events: Kinds = list(outbox.ROUND_EVENTS)  # noqa: RUF012 -- pydantic copies it
    study: int | None = Field(None, description="Only of this study; null for all.")
    note: str = Field("", description="For your own list.")


class WebhookChanges(Body):
    """What is to change; the rest stays."""

    url: str | None = None
    events: Kinds | None = None
    study: int | None = Field(None, description="Only of this study; null for all. Left out, it stays.")
    note: str | None = None
    on: bool | None = Field(None, description="Switch it on or off.")


class WebhookShape(Shape):
    """A webhook; its secret is only known when it is made."""

    id: int
    url: str
    note: str
    study_id: int | None
    events: list[str]
    created_at: datetime
    failing_since: datetime | None = Field(description="The first failure since something arrived.")
    off_at: datetime | None = Field(description="Since when nothing is sent to it.")
    off_reason: str | None = Field(description="Why the site switched it off; null where an admin did.")
    last_state: DeliveryState | None = Field(description="What became of the newest delivery.")
    last_at: datetime | None


class MadeWebhook(WebhookShape):
    secret: str = Field(description="Shown this once: `whsec_…`, as Standard Webhooks' libraries take it.")


class Secret(BaseModel):
    secret: str = Field(description="Shown this once. For a day the one before signs, too.")


class AttemptShape(Shape):
    """One attempt. `status` is of HTTP (or SMTP), null where nothing was answered."""

    at: datetime
    end: str
    status: int | None
    ms: int
    said: str = Field(description="The beginning of the answer, or what went wrong.")


class DeliveryShape(Shape):
    """One event on its way to one webhook, or to one person by e-mail."""

    id: int
    key: UUID = Field(exclude=True)
    event_id: int
    webhook_id: int | None
    receiver: str | None = Field(description="The person, where it goes to one.")
    kind: str
    state: DeliveryState
    tries: int = Field(description="Attempts since it was last put to wait.")
    due_at: datetime = Field(description="When it is tried next, while it waits.")
    created_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    attempts: list[AttemptShape] = Field(description="The newest first, 20 at most.")
    body: dict[str, Any]

    @computed_field(description="The header `webhook-id`, the same at every attempt.")  # type: ignore[prop-decorator]
    @property
    def message_id(self) -> str:
        return f"msg_{self.key.hex}"


@router.get("/webhooks", operation_id="list_webhooks", summary="All webhooks")
def index(session: SessionDep, user: MayRunHouse) -> list[WebhookShape]:
    """Those that are switched off, too. Their secrets are not told again."""
    return [WebhookShape.model_validate(line) for line in delivery_views.webhooks(session)]


@router.post("/webhooks", operation_id="create_webhook", status_code=201, summary="Make a webhook")
def create(body: NewWebhook, session: SessionDep, user: MayRunHouse, settings: SettingsDep) -> MadeWebhook:
    """The answer holds the secret that signs its messages, shown this once. 422 where nothing may be posted there."""
    webhook, secret = webhooks.make(
        session, settings, url=body.url, kinds=body.events, study_id=body.study, note=body.note, actor=user
    )
    return MadeWebhook(secret=secret, **_shape(session, webhook.id).model_dump())


@router.get("/webhooks/{webhook_id}", operation_id="get_webhook", summary="One webhook")
def show(webhook_id: int, session: SessionDep, user: MayRunHouse) -> WebhookShape:
    """With how its newest delivery went."""
    webhooks.get(session, webhook_id)
    return _shape(session, webhook_id)


@router.patch(
    "/webhooks/{webhook_id}", operation_id="update_webhook", summary="Change a webhook, or switch it on or off"
)
def change(
    webhook_id: int, body: WebhookChanges, session: SessionDep, user: MayRunHouse, settings: SettingsDep
) -> WebhookShape:
    """Only what is given changes; `on` switches it."""
    now = webhooks.get(session, webhook_id)
    webhooks.change(
        session, settings, webhook_id=webhook_id, actor=user,
        url=now.url if body.url is None else body.url,
        kinds=now.events if body.events is None else body.events,
        note=now.note if body.note is None else body.note,
        study_id=body.study if "study" in body.model_fields_set else now.study_id,
    )  # fmt: skip
    if body.on is not None:
        (webhooks.switch_on if body.on else webhooks.switch_off)(session, webhook_id=webhook_id, actor=user)
    session.flush()
    return _shape(session, webhook_id)


@router.delete(
    "/webhooks/{webhook_id}",
    operation_id="delete_webhook",
    status_code=204,
    summary="Remove a webhook and what it was sent",
)
def remove(webhook_id: int, session: SessionDep, user: MayRunHouse) -> None:
    """What waits to be sent to it is not sent any more."""
    webhooks.remove(session, webhook_id=webhook_id, actor=user)


@router.post("/webhooks/{webhook_id}/secret", operation_id="renew_webhook_secret", summary="Make a new secret")
def renew_secret(webhook_id: int, session: SessionDep, user: MayRunHouse, settings: SettingsDep) -> Secret:
    """For a day both secrets sign, so that a receiver can change over."""
    return Secret(secret=webhooks.renew_secret(session, settings, webhook_id=webhook_id, actor=user))


@router.post("/webhooks/{webhook_id}/test", operation_id="test_webhook", status_code=202, summary="Send a test")
def test(webhook_id: int, session: SessionDep, user: MayRunHouse, settings: SettingsDep) -> DeliveryShape:
    """It is sent a moment later; look at its delivery."""
    made = webhooks.test(session, webhook_id=webhook_id, actor=user)
    return DeliveryShape.model_validate(delivery_views.line(session, made.id, site_url=settings.site_url))


@router.get(
    "/webhooks/{webhook_id}/deliveries", operation_id="list_deliveries", summary="What a webhook was sent, newest first"
)
def sent(
    webhook_id: int, session: SessionDep, user: MayRunHouse, settings: SettingsDep, cursor: Cursor, limit: Limit = 50
) -> Page[DeliveryShape]:
    """Kept for 30 days."""
    webhooks.get(session, webhook_id)
    found = delivery_views.of_webhook(
        session, webhook_id, site_url=settings.site_url, before=cursor, limit=limit + 1
    )  # fmt: skip
    return page_of([DeliveryShape.model_validate(line) for line in found], limit, lambda line: line.id)


@router.post("/deliveries/{delivery_id}/again", operation_id="redeliver", status_code=202, summary="Deliver again")
def again(delivery_id: int, session: SessionDep, user: MayRunHouse, settings: SettingsDep) -> DeliveryShape:
    """409 where it is on its way, or its webhook is switched off."""
    deliveries.again(session, delivery_id, actor=user)
    return DeliveryShape.model_validate(delivery_views.line(session, delivery_id, site_url=settings.site_url))


def _shape(session: SessionDep, webhook_id: int) -> WebhookShape:
    [line] = delivery_views.webhooks(session, Webhook.id == webhook_id)
    return WebhookShape.model_validate(line)
