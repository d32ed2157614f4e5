import pytest

from app.services.outbox import ROUND_EVENTS
from app.settings import make_settings
from app.web import letters

SITE = make_settings(public_url="https://taste.example")


def body(kind: str, **data) -> dict:
    known = {
        "event": 1,
        "study": {"id": 3, "name": "Emoji <b> & co"},
        "round": {"id": 9, "kind": "preference", "number": 4, "state": "training", "hold": "failed"},
        "actor": None,
        "details": {},
        "url": "https://taste.example/admin/rounds/9",
    }
    return {"type": kind, "timestamp": "2026-11-28T06:45:56Z", "data": known | data}


@pytest.mark.parametrize("kind", ROUND_EVENTS)
def test_there_is_a_letter_for_every_kind_of_event(kind):
    letter = letters.write(SITE, body(kind), "Ada", "")
    assert letter.subject.startswith("Emoji <b> & co: ")
    assert "ound 4" in letter.subject
    assert letter.text.count("https://taste.example/admin/rounds/9") == 1
    assert 'href="https://taste.example/admin/rounds/9"' in letter.html
    assert "https://taste.example/account#mail" in letter.text


def test_plain_text_is_as_it_was_said_and_html_is_escaped():
    told = body("round.fail", details={"reason": "loss <nan> & more"}, actor={"id": 1, "name": "Grace <i>"})
    letter = letters.write(SITE, told, "Ada <u>", "")
    assert "loss <nan> & more" in letter.text
    assert "Hello Ada <u>," in letter.text
    assert "By Grace <i>." in letter.text
    for escaped in (
        "loss &lt;nan&gt; &amp; more",
        "Hello Ada &lt;u&gt;,",
        "Grace &lt;i&gt;",
        "Emoji &lt;b&gt; &amp; co",
    ):
        assert escaped in letter.html


def test_a_comparison_is_called_one():
    told = body("round.judged", round={"id": 9, "kind": "evaluation", "number": 2, "state": "complete", "hold": "none"})
    assert letters.write(SITE, told, "Ada", "").subject == "Emoji <b> & co: comparison 2 is complete"


def test_it_is_in_the_reader_s_language_and_in_english_where_there_is_none():
    assert '<html lang="de"' in letters.write(SITE, body("round.trained"), "Ada", "de").html
    assert '<html lang="en"' in letters.write(SITE, body("round.trained"), "Ada", "tlh").html


def test_a_test_and_a_webhook_that_was_switched_off_have_letters_of_their_own():
    url = "https://taste.example/account#mail"
    test = letters.write(SITE, {"type": "mail.tested", "timestamp": "", "data": {"event": 1, "url": url}}, "Ada", "")
    assert test.subject == "Tastemaker: this is a test"
    details = {"url": "https://hooks.example.org", "reason": "Nothing could be delivered for 3 days."}
    off = letters.write(SITE, body("webhook.switched_off", details=details), "Ada", "")
    assert "https://hooks.example.org" in off.text
    assert "Nothing could be delivered for 3 days." in off.text
