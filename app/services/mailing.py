"""E-mail by SMTP, as the settings name the server."""

import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime, parseaddr

from app.errors import BadInput, Refused
from app.loopback import is_loopback
from app.services.deliveries import End, Outcome
from app.settings import Settings

TIMEOUT_S = 10.0
SHOWN = 500


@dataclass(frozen=True)
class Letter:
    """What someone is to read: plain text, and the same as HTML."""

    subject: str
    text: str
    html: str


def compose(settings: Settings, letter: Letter, *, name: str, email: str, message_id: str) -> EmailMessage:
    """The letter as a message to one person. Raises `BadInput` where the address cannot stand in one."""
    message = EmailMessage()
    try:
        to = Address(" ".join(name.split()), addr_spec=email)
    except (ValueError, MessageError) as error:
        raise BadInput(f"{email!r} is no address that can be written to.") from error
    sender = parseaddr(settings.mail_from or "")[1]
    message["From"] = settings.mail_from
    message["To"] = to
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday note answers it
    message["List-Unsubscribe"] = f"<{settings.site_url}/account#mail>"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def send(settings: Settings, message: EmailMessage) -> Outcome:
    """Hand the message to the server once. Blocks for some timeouts at most."""
    began = time.monotonic()
    outcome = _tried(settings, message)
    return Outcome(outcome.end, outcome.said[:SHOWN], outcome.status, round((time.monotonic() - began) * 1000))


def look(settings: Settings, *, timeout_s: float = TIMEOUT_S) -> str:
    """Connect and sign in as if to send, and say how that went. Raises `OSError`, `SMTPException` or `Refused`."""
    with _connected(settings, timeout_s) as server:
        server.noop()
    how = "unencrypted" if settings.smtp_tls == "none" else "encrypted"
    who = f", signed in as {settings.smtp_user}" if settings.smtp_user else ""
    return f"{settings.smtp_host}:{settings.mail_port} answers, {how}{who}"


def _tried(settings: Settings, message: EmailMessage) -> Outcome:
    try:
        with _connected(settings, TIMEOUT_S) as server:
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        status, said = next(iter(error.recipients.values()))
        return Outcome(End.REFUSED if status >= 500 else End.FAILED, _words(said), status)
    except smtplib.SMTPAuthenticationError as error:
        return Outcome(End.FAILED, f"It does not let us sign in: {_words(error.smtp_error)}", error.smtp_code)
    except smtplib.SMTPResponseException as error:
        for_good = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
        return Outcome(End.REFUSED if for_good else End.FAILED, _words(error.smtp_error), error.smtp_code)
    except Refused as error:
        return Outcome(End.FAILED, str(error))
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(End.FAILED, f"It could not be reached: {error or type(error).__name__}")
    return Outcome(End.DELIVERED, "The server took it.", 250)


@contextmanager
def _connected(settings: Settings, timeout_s: float) -> Iterator[smtplib.SMTP]:
    host = settings.smtp_host or ""
    if settings.smtp_tls == "none" and settings.smtp_user and not is_loopback(host):
        raise Refused(
            "A password is not sent unencrypted.", "Set TASTEMAKER_SMTP_TLS to starttls or tls, or leave the name out."
        )
    tls, port = ssl.create_default_context(), settings.mail_port
    made: smtplib.SMTP
    if settings.smtp_tls == "tls":
        made = smtplib.SMTP_SSL(host, port, timeout=timeout_s, context=tls)
    else:
        made = smtplib.SMTP(host, port, timeout=timeout_s)
    with made as server:
        if settings.smtp_tls == "starttls":
            server.starttls(context=tls)
        if settings.smtp_user:
            password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
            server.login(settings.smtp_user, password)
        yield server


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")
