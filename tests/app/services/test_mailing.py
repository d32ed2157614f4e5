"""E-mail against a real SMTP server on loopback."""

import ssl
from smtplib import SMTPException

import pytest
from aiosmtpd.smtp import AuthResult

from app.errors import BadInput, Refused
from app.services import mailing
from app.services.deliveries import End
from app.services.mailing import Letter
from app.settings import Settings, make_settings
from tests.receivers import Mailbox, mail_server
from tests.tls import certificate

LETTER = Letter("Émoji: round 4\nis complete", "Hello Ada,\n\nDone.\n", "<p>Hello Ada &amp; all</p>")


def settings(mailbox: Mailbox, **values) -> Settings:
    sender = "Tastemaker <us@taste.example>"
    here = {"smtp_host": "127.0.0.1", "smtp_port": mailbox.port, "smtp_tls": "none", "mail_from": sender}
    return make_settings(**(here | values))


def send(ours: Settings, email: str = "ada@example.org"):
    return mailing.send(ours, mailing.compose(ours, LETTER, name='Ada "A" Löve, Dr.', email=email, message_id="k1"))


def test_a_letter_arrives_as_plain_text_and_html_with_its_own_identity():
    with mail_server() as mailbox:
        outcome = send(settings(mailbox, public_url="https://taste.example"))
    [message] = mailbox.messages
    assert (outcome.end, outcome.status, mailbox.to) == (End.DELIVERED, 250, [["ada@example.org"]])
    assert message["Subject"] == "Émoji: round 4 is complete"
    assert message["From"] == "Tastemaker <us@taste.example>"
    assert message["To"].addresses[0].display_name == 'Ada "A" Löve, Dr.'
    assert message["Message-ID"] == "<k1@taste.example>"
    assert (message["Auto-Submitted"], message["List-Unsubscribe"]) == (
        "auto-generated", "<https://taste.example/account#mail>",
    )  # fmt: skip
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == LETTER.text
    assert message.get_body(("html",)).get_content().strip() == LETTER.html


@pytest.mark.parametrize("email", ["ada,eve@example.org", "ada@example.org\nBcc: eve@example.org", "@"])
def test_an_address_that_could_mean_more_is_refused(email):
    with mail_server() as mailbox, pytest.raises(BadInput):
        send(settings(mailbox), email)
    assert mailbox.messages == []


@pytest.mark.parametrize(
    ("stage", "said", "end"),
    [
        ("RCPT", "550 no such person", End.REFUSED),
        ("RCPT", "451 come again", End.FAILED),
        ("DATA", "554 we do not like it", End.REFUSED),
        ("DATA", "452 full", End.FAILED),
    ],
)
def test_what_will_not_change_is_told_from_what_may(stage, said, end):
    with mail_server() as mailbox:
        mailbox.refusals = {stage: said}
        outcome = send(settings(mailbox))
    assert (outcome.end, outcome.status, outcome.said) == (end, int(said[:3]), said[4:])


def test_a_server_that_is_away_is_tried_again():
    with mail_server() as mailbox:
        ours = settings(mailbox)
    outcome = send(ours)
    assert outcome.end is End.FAILED
    assert "could not be reached" in outcome.said
    with pytest.raises(OSError, match="refused"):
        mailing.look(ours)


def _only_ours(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"us", b"pass"), handled=False)


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """A server's TLS whose authority this process trusts, as an operator's own would be."""
    authority, chain = certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    return context


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_it_signs_in_over_an_encrypted_connection(tls, mode):
    starttls = {"tls_context": tls, "require_starttls": True, "auth_required": True}
    options = starttls if mode == "starttls" else {"ssl_context": tls, "auth_require_tls": False}
    with mail_server(authenticator=_only_ours, **options) as box:
        ours = settings(box, smtp_host="localhost", smtp_tls=mode, smtp_user="us", smtp_password="pass")
        assert send(ours).end is End.DELIVERED
        assert mailing.look(ours) == f"localhost:{box.port} answers, encrypted, signed in as us"
        wrong = settings(box, smtp_host="localhost", smtp_tls=mode, smtp_user="us", smtp_password="wrong")
        outcome = send(wrong)
        assert (outcome.end, outcome.status) == (End.FAILED, 535)
        assert "does not let us sign in" in outcome.said
        with pytest.raises(SMTPException):
            mailing.look(wrong)
    assert len(box.messages) == 1


def test_a_certificate_of_another_name_is_not_taken(tls):
    with mail_server(tls_context=tls) as mailbox:
        outcome = send(settings(mailbox, smtp_tls="starttls"))
    assert outcome.end is End.FAILED
    assert "certificate" in outcome.said.lower()


def test_a_password_is_not_sent_unencrypted_to_another_machine():
    ours = make_settings(
        smtp_host="smtp.example.org", smtp_tls="none", smtp_user="us", smtp_password="pass", mail_from="a@b.example"
    )
    with pytest.raises(Refused, match="unencrypted"):
        mailing.look(ours)
    assert send(ours).end is End.FAILED
