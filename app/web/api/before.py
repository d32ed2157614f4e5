"""What comes before the first pair, over the API: the study's texts, reading its guidelines, and consent."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.models import Study, User
from app.services import admission, before, consents
from app.services.before import Step
from app.web.api.bodies import Body
from app.web.api.scoped import MayAnnotate
from app.web.deps import SessionDep

router = APIRouter(prefix="/studies/{study_id}", tags=["annotating"])


class BeforeShape(BaseModel):
    """The texts as they are now, in Markdown, and where the caller stands."""

    step: Step | None = Field(description="What is to be done first; null where pairs can be had.")
    guidelines: str
    guidelines_version: str = Field(description="SHA-256 of the text.")
    consent: str = Field(description="Empty where the study asks for none.")
    consent_version: str = Field(description="SHA-256 of the text.")
    agreed_at: datetime | None = Field(description="When the caller agreed to the consent text as it is now.")


class ReadText(Body):
    version: str = Field(description="Of the text that the person saw.", max_length=64)


@router.get("/before", operation_id="get_before", summary="What comes before the first pair")
def show(study_id: int, session: SessionDep, user: MayAnnotate) -> BeforeShape:
    """Markdown as admins wrote it. Pictures in it are at the addresses that it names."""
    return _shape(session, admission.study_for(session, study_id, user=user), user)


@router.post("/guidelines", operation_id="read_guidelines", summary="Say that I read the guidelines")
def read(study_id: int, body: ReadText, session: SessionDep, user: MayAnnotate) -> BeforeShape:
    """409 where the text was changed meanwhile. Saying it twice changes nothing."""
    study = admission.study_for(session, study_id, user=user)
    before.read(session, study, user, version=body.version)
    return _shape(session, study, user)


@router.post("/consent", operation_id="give_consent", summary="Agree to the consent text")
def agree(study_id: int, body: ReadText, session: SessionDep, user: MayAnnotate) -> BeforeShape:
    """409 where the text was changed meanwhile, or where the study asks for none. Agreeing twice changes nothing."""
    study = admission.study_for(session, study_id, user=user)
    consents.give(session, study=study, user=user, version=body.version)
    return _shape(session, study, user)


@router.delete("/consent", operation_id="withdraw_consent", summary="Take my consent back")
def withdraw(study_id: int, session: SessionDep, user: MayAnnotate) -> BeforeShape:
    """No further pairs, and those that are held are free at once. What was answered stays."""
    study = admission.study_for(session, study_id, user=user)
    consents.withdraw(session, study=study, user=user)
    return _shape(session, study, user)


def _shape(session: Session, study: Study, user: User) -> BeforeShape:
    view = before.view(session, study, user)
    return BeforeShape(
        step=view.step,
        guidelines=view.guidelines,
        guidelines_version=view.guidelines_version,
        consent=view.consent,
        consent_version=view.consent_version,
        agreed_at=view.agreed.given_at if view.agreed else None,
    )
