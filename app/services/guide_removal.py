"""Taking a picture out of a study's guidelines: only one that nobody is shown, and nobody agreed to."""

from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.db import after_commit
from app.errors import Conflict
from app.models import Consent, User
from app.services import events, guide_pictures, guidelines, studies
from app.study_settings import validated


def remove(session: Session, artifacts: Artifacts, *, study_id: int, picture_id: int, actor: User | None) -> None:
    """Delete the picture, its file once that is stored.

    Raises `Conflict` where the study's guidelines or its consent text show it, or a text that someone agreed to does:
    what was agreed to stays whole. The study is locked, so that no text can begin to show it meanwhile.
    """
    study = studies.locked(session, study_id)
    picture = guide_pictures.get(session, study_id=study_id, picture_id=picture_id)
    labeling = validated(study.settings).labeling
    for text, what in ((labeling.guidelines, "guidelines"), (labeling.consent, "consent text")):
        if picture_id in guidelines.shown(text):
            raise _refused(picture_id, f"is shown in the {what}", "Save the text without it first.")
    agreed_to = session.scalars(select(Consent.text).where(Consent.study_id == study_id).distinct())
    if any(picture_id in guidelines.shown(text) for text in agreed_to):
        raise _refused(picture_id, "is part of a consent text that people agreed to", "It stays with their consent.")
    session.delete(picture)
    events.write(session, "study.guide_picture_removed", study, actor=actor, picture=picture_id)
    after_commit(session, partial(artifacts.delete, picture.key))


def _refused(picture_id: int, why: str, remedy: str) -> Conflict:
    return Conflict(f"Picture {picture_id} {why}.", remedy)
