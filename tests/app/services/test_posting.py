"""Webhooks as a receiver sees them: its own reading of Standard Webhooks, over real HTTP."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from app.services import posting
from app.services.deliveries import End, Outcome
from tests.receivers import Received, Receiver, receiving
from tests.tls import certificate

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
BODY = {"type": "round.trained", "timestamp": "2026-11-28T06:45:56Z", "data": {"study": {"name": "Émoji <b>"}}}


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def post(receiver: Receiver, *, secrets=(SECRET,), private: bool = True, url: str = "") -> Outcome:
    return posting.post(url or receiver.url, message_id="msg_1", body=BODY, secrets=list(secrets), private=private)


def signature(received: Received, secret: str) -> str:
    """Computed here from the specification alone: HMAC-SHA256 over `id.timestamp.body`."""
    headers = received.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_what_is_sent_is_signed_as_the_specification_says(receiver):
    outcome = post(receiver)
    [received] = receiver.received
    assert (outcome.end, outcome.status) == (End.DELIVERED, 204)
    assert received.headers["webhook-id"] == "msg_1"
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 5
    assert received.headers["webhook-signature"] == signature(received, SECRET)
    assert received.headers["webhook-signature"] != signature(received, OTHER)
    assert json.loads(received.body) == BODY
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("Tastemaker/")


def test_a_known_signature_of_the_specification_is_ours_too():
    """The example of github.com/standard-webhooks/standard-webhooks, libraries/python/tests."""
    secret, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.fromtimestamp(1614265330, UTC)
    headers = posting.signed("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', [secret], at=at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_while_a_secret_changes_both_sign(receiver):
    post(receiver, secrets=(OTHER, SECRET))
    [received] = receiver.received
    assert received.headers["webhook-signature"].split(" ") == [signature(received, OTHER), signature(received, SECRET)]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_what_it_answers_is_kept(receiver, status):
    receiver.status, receiver.answer = status, b"No\x00thing \x1b[31mhere"
    outcome = post(receiver)
    assert (outcome.end, outcome.status, outcome.said) == (End.FAILED, status, "Nothing [31mhere")


def test_no_redirect_is_followed(receiver):
    with receiving() as elsewhere:
        receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
        outcome = post(receiver)
        assert (outcome.end, outcome.status) == (End.FAILED, 307)
        assert "redirects are not followed" in outcome.said
        assert elsewhere.received == []


def test_one_that_is_gone_wants_no_more(receiver):
    receiver.status = 410
    assert post(receiver).end is End.GONE


@pytest.mark.parametrize(
    ("status", "said", "seconds"),
    [
        (429, "120", 120),
        (503, "in an hour", 3600),
        (503, "soon", 0),
        (500, "120", 0),
    ],
)
def test_how_long_it_asks_to_be_left_alone(receiver, status, said, seconds):
    if said == "in an hour":
        said = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    receiver.status, receiver.headers = status, {"Retry-After": said}
    assert post(receiver).wait_s == pytest.approx(seconds, abs=60)


def test_a_large_answer_is_not_read_to_its_end(receiver):
    receiver.status, receiver.answer = 200, b"x" * 5_000_000
    outcome = post(receiver)
    assert (outcome.end, len(outcome.said)) == (End.DELIVERED, posting.SHOWN)


def test_one_that_does_not_answer_is_left(receiver, monkeypatch):
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.2)
    receiver.hold = threading.Event()
    outcome = post(receiver)
    receiver.hold.set()
    assert (outcome.end, outcome.status) == (End.FAILED, None)
    assert "in time" in outcome.said


def test_one_that_drips_its_answer_is_left_when_its_time_is_up(receiver, monkeypatch):
    monkeypatch.setattr(posting, "WHOLE_S", 0.5)
    receiver.drip_s = 0.05
    began = time.monotonic()
    assert post(receiver).end is End.FAILED
    assert time.monotonic() - began < 5


def test_one_that_is_not_there_is_said(receiver):
    outcome = post(receiver, url="http://127.0.0.1:9/")
    assert outcome.end is End.FAILED
    assert "could not be reached" in outcome.said
    assert "could not be reached" in post(receiver, url="http://no.such.name.invalid/").said


def test_a_private_address_is_refused_before_a_connection(receiver):
    outcome = post(receiver, private=False)
    assert outcome.end is End.FAILED
    assert "no address of the internet" in outcome.said
    assert receiver.received == []


def test_by_https_the_certificate_must_be_of_the_name_that_was_asked_for(tmp_path: Path, monkeypatch):
    """The connection goes to an address, but name, certificate and Host are those of the webhook."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority, chain = certificate(tmp_path, "localhost")
    tls.load_cert_chain(chain)
    trusting = ssl.create_default_context(cafile=str(authority))
    monkeypatch.setattr(posting, "_tls", lambda: trusting)
    with receiving(tls) as receiver:
        named = receiver.url.replace("127.0.0.1", "localhost")
        assert post(receiver, url=named).end is End.DELIVERED
        assert receiver.received[0].headers["host"] == named.split("/")[2]
        assert post(receiver).end is End.FAILED  # its certificate is not of 127.0.0.1
        monkeypatch.setattr(posting, "_tls", ssl.create_default_context)
        assert "certificate" in post(receiver, url=named).said.lower()
        assert len(receiver.received) == 1
