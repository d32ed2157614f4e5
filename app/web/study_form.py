"""A study's form: what is wrong with it as it stands, what a round of it would cost, and a file's values in it."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import BaseModel, Split, User
from app.services import base_models, estimates, prompt_drafts, prompt_sets, prompt_texts, study_files
from app.services.estimates import Estimate
from app.services.study_files import StudyDraft
from app.study_settings import StudySettings, load_preset, merged, preset_names
from app.web import forms, prompt_form, settings_form

OTHER = "other"
DEFAULT_PRESET = "demo"
SETTING_NAMES = {f"{block}.{key}" for block, model in StudySettings() for key in type(model).model_fields}


@dataclass(frozen=True)
class Checked:
    """The form as it stands. `settings` and `estimate` are none where it has faults."""

    errors: Mapping[str, str]
    settings: StudySettings | None
    estimate: Estimate | None

    @property
    def faults(self) -> list[tuple[str, str]]:
        """What is wrong, by the field's label."""
        return [(settings_form.label(name.rpartition(".")[2]), said) for name, said in self.errors.items()]


def checked(session: Session, posted: Mapping[str, str], base: StudySettings) -> Checked:
    """Look at a new study's form over its preset's settings `base`. Nothing is made and no other server is asked."""
    errors: dict[str, str] = {}
    settings = None
    try:
        settings = merged(base, settings_form.changes(posted, base))
    except BadInput as error:
        errors |= error.fields
    for field, high in (("seed", 2**31 - 1),):
        with forms.beside(errors, field):
            forms.whole_number(posted.get(field, ""), field=field, low=0, high=high)
    prompts = None
    try:
        prompts = evaluation_prompts(session, posted)
    except (BadInput, NotFound) as error:
        errors["prompts"] = str(error)
    model = chosen_model(session, posted)
    found = estimates.of_round(session, settings, model=model, evaluation_prompts=prompts) if settings else None
    return Checked(errors, settings, found)


def chosen_model(session: Session, posted: Mapping[str, str]) -> BaseModel | None:
    """The base model that is chosen, or the registered one whose folder or hub id is written; none where it is new."""
    chosen, source = posted.get("model", OTHER), posted.get("source", "")
    models = base_models.every(session)
    if chosen != OTHER:
        return next((model for model in models if str(model.id) == chosen), None)
    return next((model for model in reversed(models) if source and model.source == source), None)


def model_to_use(session: Session, posted: Mapping[str, str], user: User) -> int:
    """The id of the base model that was chosen, or of the one whose folder or hub id was written: it is registered.

    Raises `BadInput`, `NotFound`.
    """
    chosen = posted.get("model", OTHER)
    if chosen != OTHER:
        return base_models.get(session, forms.whole_number(chosen, field="model", low=1, high=2**62) or 0).id
    revision = posted.get("revision") or None
    return base_models.register(session, source=posted.get("source", ""), revision=revision, actor=user).id


def preset_of(given: Mapping[str, str]) -> str:
    """The preset that the form stands on: the default where none, or one that is not there, is named."""
    named = given.get("preset", "")
    return named if named in preset_names() else DEFAULT_PRESET


def evaluation_prompts(session: Session, posted: Mapping[str, str]) -> int | None:
    """How many prompts are drawn for evaluation; none while there are no prompts. Raises `BadInput`, `NotFound`."""
    chosen = posted.get("prompt_set") or OTHER
    if chosen != OTHER:
        number = forms.whole_number(chosen, field="prompt_set", low=1, high=2**62) or 0
        return estimates.evaluation_prompts(session, prompt_sets.get(session, number).id)
    if not posted.get("prompts"):
        return None
    return prompt_drafts.review(prompt_form.draft(posted)).count(Split.EVAL)


def values_of(session: Session, draft: StudyDraft) -> dict[str, str]:
    """A study's draft as the form's values. Raises `BadInput` where its settings cannot be used."""
    base, _ = load_preset(draft.preset)
    settings = study_files.differences(merged(base, draft.settings), base)
    text, form = prompt_texts.written(draft.prompts)
    known = [
        model
        for model in base_models.every(session)
        if model.source == draft.model and model.revision == (draft.revision or model.revision)
    ]
    return {
        "name": draft.name,
        "question": draft.question,
        "model": str(known[-1].id) if known else OTHER,
        "source": "" if known else draft.model,
        "revision": "" if known else draft.revision or "",
        "prompt_set": OTHER,
        "prompts": text,
        "form": form.value,
        "preset": draft.preset,
        "seed": "" if draft.seed is None else str(draft.seed),
        **{
            f"{block}.{key}": settings_form.as_text(value)
            for block, fields in settings.items()
            for key, value in fields.items()
        },
    }
