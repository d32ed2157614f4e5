"""An admin's Markdown in a page: guidelines and consent texts."""

from fastapi import Request
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.services import guidelines
from app.web import languages
from app.web.languages import gettext as _


def prose(request: Request, session: Session, *, study_id: int, text: str) -> Markup:
    """`text` as safe HTML, with the study's own pictures."""
    with languages.speaking(languages.of(request)):
        return guidelines.html(session, study_id=study_id, text=text, unnamed=_("Example picture"))
