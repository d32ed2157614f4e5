"""From a move of a round to the receiver: real HTTP, real SMTP, threads, and a site that is killed while it sends."""

import base64
import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.models import Delivery, DeliveryState, Role, Round, User, Webhook
from app.services import deliveries, mail_wishes, postman, round_moves, webhooks
from app.services.mailing import Letter
from app.services.outbox import ROUND_EVENTS
from app.services.postman import Office
from app.settings import Settings
from tests import builders
from tests.receivers import Received, Receiver, mail_server, receiving

WAIT_S = 30


def letter(body, name, language) -> Letter:
    """What a letter would say; how it is written is the web's."""
    return Letter(body["type"], f"{name} {language} {body['data']['url']}\n", "<p></p>")


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def office(sessions: sessionmaker[Session], settings: Settings) -> Office:
    return Office(sessions, settings.with_values(sweep_seconds=0.05), letter)


@pytest.fixture
def hook(office: Office, receiver: Receiver) -> tuple[Webhook, str]:
    with transaction(office.sessions) as session:
        return webhooks.make(session, office.settings, url=receiver.url, kinds=ROUND_EVENTS, actor=None)


def moved(office: Office, **columns) -> Round:
    """A round that is launched by someone and fails: an event."""
    with transaction(office.sessions) as session:
        round_ = builders.round_(session, **columns)
        round_moves.make(session, round_, "fail", reason="The loss is not finite.")
        return round_


def states(office: Office) -> list[DeliveryState]:
    with transaction(office.sessions) as session:
        return list(session.scalars(select(Delivery.state).order_by(Delivery.id)))


def is_signed(received: Received, secret: str) -> bool:
    headers = received.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}" in headers["webhook-signature"].split(" ")


def test_a_round_that_fails_is_told_to_a_webhook(office, hook, receiver):
    round_ = moved(office)
    assert postman.carry_one(office)
    assert not postman.carry_one(office)
    [received] = receiver.received
    assert is_signed(received, hook[1])
    body = json.loads(received.body)
    assert (body["type"], body["data"]["details"]["reason"]) == ("round.fail", "The loss is not finite.")
    assert body["data"]["url"] == f"{office.settings.site_url}/admin/rounds/{round_.id}"
    assert "path" not in body["data"]
    assert states(office) == [DeliveryState.DELIVERED]


def test_what_failed_goes_again_with_the_same_identity_and_a_fresh_signature(office, hook, receiver):
    receiver.status = 503
    moved(office)
    postman.carry_one(office)
    assert states(office) == [DeliveryState.WAITING]
    receiver.status = 200
    with transaction(office.sessions) as session:
        session.execute(update(Delivery).values(due_at=builders.now()))
    postman.carry_one(office)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert is_signed(second, hook[1])
    assert states(office) == [DeliveryState.DELIVERED]


def test_after_a_new_secret_old_and_new_receivers_both_can_check(office, hook, receiver):
    with transaction(office.sessions) as session:
        new = webhooks.renew_secret(session, office.settings, webhook_id=hook[0].id, actor=None)
    moved(office)
    postman.carry_one(office)
    assert is_signed(receiver.received[0], new)
    assert is_signed(receiver.received[0], hook[1])


def test_with_another_key_of_the_site_it_is_said_that_the_secret_is_lost(office, hook, receiver):
    moved(office)
    postman.carry_one(Office(office.sessions, office.settings.with_values(secret_key="o" * 40), letter))
    with transaction(office.sessions) as session:
        assert "Make a new secret" in session.scalars(select(Delivery)).one().attempts[0]["said"]
    assert receiver.received == []


def test_no_transaction_is_open_while_something_is_sent(office, hook, receiver):
    """The row can be locked by another meanwhile."""
    receiver.hold = threading.Event()
    moved(office)
    sending = threading.Thread(target=postman.carry_one, args=(office,))
    sending.start()
    assert receiver.arrived.wait(WAIT_S)
    with transaction(office.sessions) as session:
        locked = session.scalars(select(Delivery).with_for_update(nowait=True)).one()
        assert locked.lease_until is not None
    receiver.hold.set()
    sending.join(WAIT_S)
    assert states(office) == [DeliveryState.DELIVERED]


def test_one_that_is_slow_keeps_no_other_waiting(office, hook, receiver):
    receiver.hold, stop = threading.Event(), threading.Event()
    with receiving() as quick:
        with transaction(office.sessions) as session:
            webhooks.make(session, office.settings, url=quick.url, kinds=ROUND_EVENTS, actor=None)
        for _ in range(3):
            moved(office)
        threads = postman.start(office, stop)
        assert receiver.arrived.wait(WAIT_S)
        for _ in range(WAIT_S * 100):
            if len(quick.received) == 3:
                break
            threads[0].join(0.01)
        assert (len(quick.received), len(receiver.received)) == (3, 1)
        receiver.hold.set()
        stop.set()
        for thread in threads:
            thread.join(WAIT_S)


def test_several_postmen_send_each_delivery_once(office, receiver):
    stop = threading.Event()
    with transaction(office.sessions) as session:
        for _ in range(12):
            webhooks.make(session, office.settings, url=receiver.url, kinds=ROUND_EVENTS, actor=None)
    moved(office)
    threads = [*postman.start(office, stop), *postman.start(office, stop)]
    for _ in range(WAIT_S * 100):
        if states(office) == [DeliveryState.DELIVERED] * 12:
            break
        threads[0].join(0.01)
    stop.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 12
    assert len(receiver.received) == 12


KILLED = """
import sys, json
from app.db import sessions_on
from app.services import postman
from app.settings import make_settings
settings = make_settings(**json.load(sys.stdin))
postman.carry_one(postman.Office(sessions_on(settings.require_database_url()), settings, None))
"""


def test_what_a_killed_site_was_sending_is_sent_again(office, hook, receiver):
    receiver.hold = threading.Event()
    moved(office)
    values = {
        name: getattr(office.settings, name) for name in ("database_url", "broker_url")
    } | {"data_dir": str(office.settings.data_dir), "secret_key": office.settings.secret()}  # fmt: skip
    values["database_url"] = values["database_url"].replace("+psycopg", "")
    with subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, text=True, cwd=Path.cwd()) as killed:
        killed.stdin.write(json.dumps(values))
        killed.stdin.close()
        assert receiver.arrived.wait(WAIT_S)
        killed.send_signal(signal.SIGKILL)
    receiver.hold.set()
    assert not postman.carry_one(office)  # it may still be on its way
    with transaction(office.sessions) as session:
        past = deliveries._now(session)
        session.execute(update(Delivery).values(lease_until=past, due_at=past))
    assert postman.carry_one(office)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert states(office) == [DeliveryState.DELIVERED]


def test_one_that_was_switched_off_meanwhile_gets_nothing(office, hook, receiver):
    moved(office)
    with transaction(office.sessions) as session:
        session.execute(update(Webhook).values(off_at=builders.now()))
    postman.carry_one(office)
    assert (states(office), receiver.received) == ([DeliveryState.CANCELLED], [])


def person(office: Office) -> User:
    with transaction(office.sessions) as session:
        return builders.user(
            session, role=Role.ADMIN, email="ada@example.org", display_name="Ada", preferences={"language": "de"}
        )


def with_mail(office: Office, port: int) -> Office:
    ours = office.settings.with_values(
        smtp_host="127.0.0.1", smtp_port=port, smtp_tls="none", mail_from="us@taste.example"
    )
    return Office(office.sessions, ours, letter)


def test_who_launched_a_round_that_fails_is_written_to_in_their_language(office):
    with mail_server() as mailbox:
        office = with_mail(office, mailbox.port)
        round_ = moved(office, launched_by_id=person(office).id)
        postman.carry_one(office)
    [message] = mailbox.messages
    assert (message["To"], message["Subject"]) == ("Ada <ada@example.org>", "round.fail")
    text = message.get_body(("plain",)).get_content()
    assert text.strip() == f"Ada de {office.settings.site_url}/admin/rounds/{round_.id}"
    assert states(office) == [DeliveryState.DELIVERED]


def test_a_researcher_is_led_to_a_page_that_they_may_see(office):
    with mail_server() as mailbox:
        office = with_mail(office, mailbox.port)
        with transaction(office.sessions) as session:
            grace = builders.user(session, role=Role.RESEARCHER, email="grace@example.org")
            study = builders.study(session)
            mail_wishes.wish(session, user=grace, study_id=study.id, kinds=["round.fail"])
        moved(office, study_id=study.id)
        postman.carry_one(office)
    assert mailbox.messages[0].get_body(("plain",)).get_content().strip().endswith("/research")


def test_a_mail_that_the_server_puts_off_goes_again_under_the_same_identity(office):
    with mail_server() as mailbox:
        office = with_mail(office, mailbox.port)
        moved(office, launched_by_id=person(office).id)
        mailbox.refusals = {"RCPT": "451 later"}
        postman.carry_one(office)
        with transaction(office.sessions) as session:
            row = session.scalars(select(Delivery)).one()
            assert (row.state, row.attempts[0]["status"]) == (DeliveryState.WAITING, 451)
            row.due_at = builders.now()
        mailbox.refusals = {}
        postman.carry_one(office)
    assert states(office) == [DeliveryState.DELIVERED]
    assert row.key.hex in mailbox.messages[0]["Message-ID"]


def test_without_a_mail_server_nothing_is_kept_waiting(office):
    moved(office, launched_by_id=person(office).id)
    postman.carry_one(office)
    assert states(office) == [DeliveryState.CANCELLED]


def test_who_lost_their_role_or_address_meanwhile_is_not_written_to(office):
    with mail_server() as mailbox:
        office = with_mail(office, mailbox.port)
        ada = person(office)
        moved(office, launched_by_id=ada.id)
        with transaction(office.sessions) as session:
            session.merge(ada).role = Role.ANNOTATOR
        postman.carry_one(office)
    assert (states(office), mailbox.messages) == ([DeliveryState.CANCELLED], [])


def test_an_error_of_ours_is_an_attempt_that_failed(office):
    def broken(body, name, language) -> Letter:
        raise RuntimeError("no words")

    with mail_server() as mailbox:
        office = with_mail(office, mailbox.port)
        moved(office, launched_by_id=person(office).id)
        assert postman.carry_one(Office(office.sessions, office.settings, broken))
    with transaction(office.sessions) as session:
        row = session.scalars(select(Delivery)).one()
        assert (row.state, row.lease_until) == (DeliveryState.WAITING, None)
        assert "RuntimeError" in row.attempts[0]["said"]


def test_a_database_that_is_away_ends_no_thread(office, receiver, hook, monkeypatch):
    stop, failed, claim = threading.Event(), threading.Event(), deliveries.claim

    def away_once(session):
        if not failed.is_set():
            failed.set()
            raise OperationalError("the database is away", None, Exception())
        return claim(session)

    monkeypatch.setattr(deliveries, "claim", away_once)
    moved(office)
    threads = postman.start(office, stop)
    assert receiver.arrived.wait(WAIT_S)
    assert failed.is_set()
    assert all(thread.is_alive() for thread in threads)
    stop.set()
    for thread in threads:
        thread.join(WAIT_S)
