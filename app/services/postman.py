"""The postman: a few threads of every site process that carry deliveries, each one attempt at a time.

An attempt is three steps: claimed in a transaction, sent in none, recorded in another. Neither the sweep nor a request
waits for it, and no more is sent at once than there are threads.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.errors import BadInput, Damaged
from app.models.base import Json
from app.services import deliveries, mailing, outbox, posting, webhooks
from app.services.deliveries import End, Outcome, Parcel, ToPerson, ToWebhook
from app.services.mailing import Letter
from app.settings import Settings

log = structlog.get_logger(__name__)

THREADS = 4
TIDY_S = 600.0

# makes a letter of what is sent, to whom (by name), in which language
Write = Callable[[Json, str, str], Letter]


@dataclass(frozen=True)
class Office:
    """What a postman works with. `write` makes a letter of what is sent."""

    sessions: sessionmaker[Session]
    settings: Settings
    write: Write


def start(office: Office, stop: threading.Event) -> list[threading.Thread]:
    """Threads that carry deliveries until `stop`. They end with the process: what one held is sent again."""
    threads = [
        threading.Thread(target=_run, args=(office, stop, number == 0), name=f"postman-{number}", daemon=True)
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    return threads


def carry_one(office: Office) -> bool:
    """Carry the delivery that is due, if one is; says whether there was one."""
    with transaction(office.sessions) as session:
        parcel = deliveries.claim(session)
    if parcel is None:
        return False
    outcome = _sent(office, parcel)
    with transaction(office.sessions) as session:
        state = deliveries.record(session, parcel, outcome)
    log.info(
        "delivery_tried", delivery=parcel.delivery_id, tries=parcel.tries, end=outcome.end, status=outcome.status,
        ms=outcome.ms, state=state,
    )  # fmt: skip
    return True


def _run(office: Office, stop: threading.Event, tidies: bool) -> None:
    """Carry what is due, then wait a little. An error is logged and the next look tries again."""
    tidy_at = time.monotonic() if tidies else math.inf
    while not stop.is_set():
        try:
            if time.monotonic() >= tidy_at:
                tidy_at = time.monotonic() + TIDY_S
                with transaction(office.sessions) as session:
                    deliveries.tidy(session)
            while not stop.is_set() and carry_one(office):
                pass
        except Exception:
            log.exception("postman_failed")
        stop.wait(office.settings.sweep_seconds)


def _sent(office: Office, parcel: Parcel) -> Outcome:
    """One attempt. A fault of ours is one that failed, too: it waits as long as any other before the next."""
    try:
        if isinstance(parcel.to, ToWebhook):
            return _to_webhook(office.settings, parcel, parcel.to)
        return _to_person(office, parcel, parcel.to)
    except Exception as error:
        log.exception("sending_failed", delivery=parcel.delivery_id)
        return Outcome(End.FAILED, f"This site made a mistake ({type(error).__name__}); its log says more.")


def _to_webhook(settings: Settings, parcel: Parcel, to: ToWebhook) -> Outcome:
    if to.is_off:
        return Outcome(End.CANCELLED, "The webhook is switched off.")
    try:
        secrets = [webhooks.unsealed(settings, sealed) for sealed in to.secrets]
    except Damaged as error:
        return Outcome(End.FAILED, str(error))
    return posting.post(
        to.url,
        message_id=f"msg_{parcel.key.hex}",
        body=outbox.addressed(parcel.body, settings.site_url),
        secrets=secrets,
        private=settings.reaches_private,
    )


def _to_person(office: Office, parcel: Parcel, to: ToPerson) -> Outcome:
    if not office.settings.has_mail:
        return Outcome(End.CANCELLED, "E-mail is not set up.")
    if to.email is None:
        return Outcome(End.CANCELLED, "They are not to be written to (any more).")
    path = parcel.body["data"]["path"]
    if path.startswith("/admin") and not to.sees_admin:
        path = "/research"
    letter = office.write(outbox.addressed(parcel.body, office.settings.site_url, path), to.name, to.language)
    try:
        message = mailing.compose(office.settings, letter, name=to.name, email=to.email, message_id=parcel.key.hex)
    except BadInput as error:
        return Outcome(End.REFUSED, str(error))
    return mailing.send(office.settings, message)
