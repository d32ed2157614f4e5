"""Letters: what an event says to one person by e-mail, in their language, from templates like every page."""

from functools import cache
from typing import Any

from jinja2 import Environment

from app.models.base import Json
from app.services.mailing import Letter
from app.settings import Settings
from app.web import languages
from app.web.templating import environment


def write(settings: Settings, body: Json, name: str, language: str) -> Letter:
    """The letter about what is in `body` (type, timestamp, data with the page's address) to someone called `name`."""
    spoken = languages.chosen([language] if language else [])
    with languages.speaking(spoken):
        html, plain = environment(), _plain()
        words: Any = plain.get_template("mail/_words.html").module
        subject = " ".join(str(words.subject(body)).split())
        view = {
            "letter": body,
            "name": name,
            "subject": subject,
            "language": spoken,
            "reason": (body["data"].get("details") or {}).get("reason"),
            "by": (body["data"].get("actor") or {}).get("name"),
            "account": f"{settings.site_url}/account#mail",
        }
        return Letter(
            subject, plain.get_template("mail/letter_text.html").render(view).strip() + "\n",
            html.get_template("mail/letter.html").render(view),
        )  # fmt: skip


@cache
def _plain() -> Environment:
    """The same templates without escaping: plain text has nothing to escape."""
    return environment().overlay(autoescape=False)
