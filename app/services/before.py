"""What comes before the first pair: the study's guidelines and its consent text. The one gate in front of pairs."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from app.errors import Conflict
from app.models import Consent, Study, User
from app.services import admission, consents, guidelines, participations
from app.study_settings import validated

Step = Literal["account", "consent", "guidelines"]


@dataclass(frozen=True)
class Before:
    """What someone reads before they begin. The versions go back with their answer; consent is none where none is
    asked for, `agreed` is the consent that stands."""

    guidelines: str
    guidelines_version: str
    consent: str
    consent_version: str
    agreed: Consent | None
    withdrawn: bool
    step: Step | None


def needed(session: Session, study: Study, user: User) -> Step | None:
    """What this person has to do before they get pairs of the study; none where nothing is in the way.

    A text that was changed is asked for again. A study that asks for nothing costs no query.
    """
    labeling = validated(study.settings).labeling
    if labeling.requires_account and user.is_guest:
        return "account"
    if labeling.consent and consents.standing(session, study_id=study.id, user=user, text=labeling.consent) is None:
        return "consent"
    if labeling.guidelines:
        read = participations.of(session, study_id=study.id, user=user).guidelines_sha256
        if read != guidelines.version(labeling.guidelines):
            return "guidelines"
    return None


def has_texts(study: Study) -> bool:
    """Whether there is anything to read."""
    labeling = validated(study.settings).labeling
    return bool(labeling.guidelines or labeling.consent)


def require(session: Session, study: Study, user: User) -> None:
    """Raises `NotFound` where the study is not open to this person, `Conflict` where something has to be done first. A
    page that is open learns by `reload` to load anew."""
    admission.require(session, study, user)
    step = needed(session, study, user)
    if step is not None:
        raise Conflict(
            "Something has to be read before you go on with this study.", f"Open /annotate/{study.id}/before.",
            reload=True, step=step,
        )  # fmt: skip


def view(session: Session, study: Study, user: User) -> Before:
    """The texts as they are now, and where this person stands."""
    labeling = validated(study.settings).labeling
    return Before(
        guidelines=labeling.guidelines,
        guidelines_version=guidelines.version(labeling.guidelines),
        consent=labeling.consent,
        consent_version=guidelines.version(labeling.consent),
        agreed=consents.standing(session, study_id=study.id, user=user, text=labeling.consent),
        withdrawn=consents.withdrawn(session, study_id=study.id, user=user),
        step=needed(session, study, user),
    )


def read(session: Session, study: Study, user: User, *, version: str) -> None:
    """Store that this person read the guidelines. Raises `Conflict` where `version`, what they were shown, is not the
    study's any more."""
    if version != guidelines.version(validated(study.settings).labeling.guidelines):
        raise Conflict("The guidelines were changed while you read them.", "Please read them again.")
    participations.of(session, study_id=study.id, user=user).guidelines_sha256 = version


def begin(
    session: Session, study: Study, user: User, *, guidelines_version: str, consent_version: str, agrees: bool
) -> Step | None:
    """Store what this person read and agreed to, and say what is still in the way (a text that changed meanwhile,
    or no consent)."""
    labeling = validated(study.settings).labeling
    if labeling.guidelines and guidelines_version == guidelines.version(labeling.guidelines):
        read(session, study, user, version=guidelines_version)
    if labeling.consent and agrees and consent_version == guidelines.version(labeling.consent):
        consents.give(session, study=study, user=user, version=consent_version)
    return needed(session, study, user)
