"""What the system check sees of e-mail and webhooks."""

from sqlalchemy.orm import Session

from app.services import system_check
from app.settings import make_settings
from tests import builders
from tests.receivers import mail_server


def mail(**values) -> tuple[str, str]:
    check = system_check._mail(make_settings(**{"smtp_host": "127.0.0.1", "smtp_tls": "none", **values}))
    return check.state, check.seen


def test_a_mail_server_that_answers_is_good_and_one_that_is_away_is_not() -> None:
    with mail_server() as mailbox:
        here = {"smtp_port": mailbox.port, "mail_from": "us@taste.example"}
        assert mail(**here) == ("ok", f"127.0.0.1:{mailbox.port} answers, unencrypted")
        assert mail(smtp_port=mailbox.port)[0] == "fail"  # nobody is the sender
        state, seen = mail(**here, smtp_tls="starttls")
        assert (state, "STARTTLS" in seen) == ("fail", True)
    state, seen = mail(**here)
    assert (state, "does not take us" in seen) == ("fail", True)
    assert mail(smtp_host=None) == ("ok", "not set up: TASTEMAKER_SMTP_HOST is not set")


def test_webhooks_that_nothing_reaches_are_named(db: Session) -> None:
    assert system_check._webhooks(db).seen == "none"
    builders.webhook(db)
    builders.webhook(db, off_at=builders.now())  # an admin did it
    assert system_check._webhooks(db).state == "ok"
    failing = builders.webhook(db, failing_since=builders.now())
    off = builders.webhook(db, off_at=builders.now(), off_reason="for days")
    check = system_check._webhooks(db)
    assert check.state == "warn"
    assert check.seen == f"{off.url} was switched off; {failing.url} is failing"
