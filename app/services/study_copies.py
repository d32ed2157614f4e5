"""Studies made after another: the same model, prompts and settings, with rounds of its own."""

import re

from sqlalchemy.orm import Session

from app.models import Study, User
from app.models.base import Json
from app.services import studies, study_files
from app.services.study_files import StudyDraft
from app.study_settings import load_preset, validated

PICTURE = re.compile(r"!\[[^\]\n]*\]\(picture:\d+\)\n?")
TEXTS = ("guidelines", "consent")


def draft(session: Session, study_id: int) -> StudyDraft:
    """The study as a draft without its seed. Pictures in its texts are left out: they belong to the study itself."""
    found = study_files.of_study(session, study_id)
    return StudyDraft(
        name=found.name, question=found.question, model=found.model, prompts=found.prompts, revision=found.revision,
        preset=found.preset, seed=None, settings=_without_pictures(found.settings),
    )  # fmt: skip


def copy(session: Session, *, study_id: int, name: str, seed: int | None = None, actor: User | None) -> Study:
    """Make a study like this one. Without a seed one is drawn, so that its pictures are others. Raises `BadInput`."""
    study = studies.get(session, study_id)
    settings = study_files.differences(validated(study.settings), load_preset(study.preset)[0])
    return studies.create(
        session,
        name=name,
        question=study.question,
        base_model_id=study.base_model_id,
        prompt_set_id=study.prompt_set_id,
        preset=study.preset,
        settings=_without_pictures(settings),
        seed=seed,
        actor=actor,
    )


def _without_pictures(settings: Json) -> Json:
    labeling = settings.get("labeling", {})
    texts = {field: PICTURE.sub("", labeling[field]).strip() for field in TEXTS if field in labeling}
    return settings | {"labeling": labeling | texts} if texts else settings
