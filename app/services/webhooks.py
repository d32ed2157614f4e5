"""Webhooks: addresses of other programs, each with the secret that signs what it is sent (Standard Webhooks).

The secret is given out once. The site has to sign with it, so it is kept, sealed with the installation's key: the
database alone does not tell it.
"""

import hashlib
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Damaged, NotFound, Refused
from app.models import Delivery, User, Webhook
from app.services import addresses, deliveries, events, outbox, studies
from app.settings import Settings

SECRET_BYTES = 32
BOTH_SECRETS_FOR = timedelta(days=1)
LONGEST_URL = 2000
LONGEST_NOTE = 200


def make(
    session: Session, settings: Settings, *, url: str, kinds: Sequence[str], actor: User | None,
    study_id: int | None = None, note: str = "",
) -> tuple[Webhook, str]:  # fmt: skip
    """A new webhook and its secret, which is given out this once. Raises `BadInput` that names the fields at fault."""
    checked = _checked(settings, url, kinds, note)
    if study_id is not None:
        studies.get(session, study_id)
    secret = _new_secret()
    webhook = Webhook(
        **checked, study_id=study_id, secret=_seal(settings, secret), created_by_id=actor.id if actor else None
    )  # fmt: skip
    session.add(webhook)
    events.write(session, "webhook.made", webhook, actor=actor, url=webhook.url, events=webhook.events)
    session.refresh(webhook)
    return webhook, secret


def get(session: Session, webhook_id: int, *, lock: bool = False) -> Webhook:
    """The webhook. Raises `NotFound`."""
    webhook = session.get(Webhook, webhook_id, **(deliveries.LOCKED if lock else {}))
    if webhook is None:
        raise NotFound(f"There is no webhook {webhook_id}.")
    return webhook


def change(
    session: Session, settings: Settings, *, webhook_id: int, url: str, kinds: Sequence[str], note: str,
    study_id: int | None, actor: User | None,
) -> Webhook:  # fmt: skip
    """Change what a webhook is sent and where. What waits for it goes to the new address. Raises like `make`."""
    webhook = get(session, webhook_id, lock=True)
    wanted = {**_checked(settings, url, kinds, note), "study_id": study_id}
    if study_id is not None:
        studies.get(session, study_id)
    changed = {name: value for name, value in wanted.items() if getattr(webhook, name) != value}
    for name, value in changed.items():
        setattr(webhook, name, value)
    if changed:
        events.write(session, "webhook.changed", webhook, actor=actor, changed=changed)
    return webhook


def renew_secret(session: Session, settings: Settings, *, webhook_id: int, actor: User | None) -> str:
    """A new secret, given out this once. For a day the one before signs too, so that the receiver can change over."""
    webhook = get(session, webhook_id, lock=True)
    secret = _new_secret()
    webhook.old_secret, webhook.old_secret_until = webhook.secret, func.now() + BOTH_SECRETS_FOR
    webhook.secret = _seal(settings, secret)
    events.write(session, "webhook.secret_renewed", webhook, actor=actor)
    return secret


def switch_on(session: Session, *, webhook_id: int, actor: User | None) -> Webhook:
    """Send it events again, from now on. Twice changes nothing."""
    webhook = get(session, webhook_id, lock=True)
    if webhook.off_at is not None:
        webhook.off_at = webhook.off_reason = webhook.failing_since = None
        events.write(session, "webhook.switched_on", webhook, actor=actor, url=webhook.url)
    return webhook


def switch_off(session: Session, *, webhook_id: int, actor: User | None) -> Webhook:
    """Send it nothing until it is switched on; what waits for it is not sent. Twice changes nothing."""
    webhook = get(session, webhook_id, lock=True)
    if webhook.off_at is None:
        deliveries.switch_off(session, webhook, None, actor=actor)
    return webhook


def remove(session: Session, *, webhook_id: int, actor: User | None) -> None:
    """Remove it for good, with its secret and its deliveries; the history keeps that it was there."""
    webhook = get(session, webhook_id, lock=True)
    events.write(session, "webhook.removed", webhook, actor=actor, url=webhook.url)
    session.delete(webhook)
    session.flush()


def test(session: Session, *, webhook_id: int, actor: User | None) -> Delivery:
    """Send it a `webhook.tested`, signed as all is; it is tried once. Raises `Conflict` where it is switched off."""
    webhook = get(session, webhook_id)
    if webhook.off_at is not None:
        raise Conflict("This webhook is switched off.", "Switch it on, then test it.")
    event = events.write(session, "webhook.tested", webhook, actor=actor)
    session.flush()
    body = outbox.body_of(event, webhook={"id": webhook.id}, path=f"/admin/webhooks/{webhook.id}")
    return outbox.put(session, event, body, webhook_id=webhook.id, retried=False)


def lines(session: Session) -> Sequence[Webhook]:
    """All webhooks, oldest first."""
    return session.scalars(select(Webhook).order_by(Webhook.id)).all()


def unsealed(settings: Settings, sealed: str) -> str:
    """The secret as its receiver knows it, `whsec_…`. Raises `Damaged` where the installation's key is another now."""
    try:
        return _cipher(settings).decrypt(sealed).decode()
    except InvalidToken as error:
        raise Damaged(
            "The secret of this webhook was kept under another key than this site's.", "Make a new secret for it."
        ) from error


def _checked(settings: Settings, url: str, kinds: Sequence[str], note: str) -> dict[str, object]:
    faults = {}
    url, note, unknown = url.strip(), note.strip(), set(kinds) - set(outbox.ROUND_EVENTS)
    if problem := _wrong_with(settings, url):
        faults["url"] = problem
    if unknown:
        faults["events"] = f"there is no event {', '.join(sorted(unknown))}"
    elif not kinds:
        faults["events"] = "choose at least one"
    if len(note) > LONGEST_NOTE:
        faults["note"] = f"at most {LONGEST_NOTE} characters"
    if faults:
        named = "; ".join(f"{name}: {problem}" for name, problem in faults.items())
        raise BadInput(f"This webhook cannot be used. {named}.", fields=faults)
    return {"url": url, "events": [kind for kind in outbox.ROUND_EVENTS if kind in kinds], "note": note}


def _wrong_with(settings: Settings, url: str) -> str | None:
    """What is wrong with a webhook's address, if anything is."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        return "a whole address that begins with https://"
    if parts.username is not None or parts.fragment:
        return "without a name, a password or a #"
    assert parts.hostname is not None
    try:
        addresses.check_literal(parts.hostname, private=settings.reaches_private)
    except Refused as error:
        return str(error)
    return None


def _new_secret() -> str:
    return "whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _seal(settings: Settings, secret: str) -> str:
    return _cipher(settings).encrypt(secret.encode()).decode()


def _cipher(settings: Settings) -> Fernet:
    key = hashlib.sha256(f"webhook:{settings.secret()}".encode()).digest()
    return Fernet(urlsafe_b64encode(key))
