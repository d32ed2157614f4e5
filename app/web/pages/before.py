"""`/annotate/{study}/before`: guidelines and consent before the first pair, and whenever someone wants to read them."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.models import Study, User
from app.services import admission, before, consents, guide_pictures
from app.study_settings import validated
from app.web.deps import ArtifactsDep, RequireAnnotator, SessionDep
from app.web.prose import prose
from app.web.templating import render

router = APIRouter(prefix="/annotate/{study_id}")


@router.get("/before")
def show(request: Request, study_id: int, session: SessionDep, user: RequireAnnotator) -> Response:
    return _page(request, session, admission.study_for(session, study_id, user=user), user)


@router.post("/before")
def begin(
    request: Request,
    study_id: int,
    session: SessionDep,
    user: RequireAnnotator,
    guidelines_version: Annotated[str, Form()] = "",
    consent_version: Annotated[str, Form()] = "",
    agrees: Annotated[bool, Form()] = False,
) -> Response:
    """Store what was read and agreed to, then the first pair; the page again where something is still missing."""
    study = admission.study_for(session, study_id, user=user)
    step = before.begin(
        session, study, user, guidelines_version=guidelines_version, consent_version=consent_version, agrees=agrees
    )
    if step is not None:
        return _page(request, session, study, user, asked=True, status=422)
    return RedirectResponse(f"/annotate/{study_id}", 303)


@router.post("/before/withdraw")
def withdraw(study_id: int, session: SessionDep, user: RequireAnnotator) -> Response:
    consents.withdraw(session, study=admission.study_for(session, study_id, user=user), user=user)
    return RedirectResponse(f"/annotate/{study_id}/before", 303)


@router.get("/guide/{picture_id}")
def guide_picture(
    study_id: int, picture_id: int, session: SessionDep, user: RequireAnnotator, artifacts: ArtifactsDep
) -> Response:
    """A picture of the guidelines. It never changes under its number, so browsers may keep it."""
    study = admission.study_for(session, study_id, user=user)
    picture = guide_pictures.get(session, study_id=study.id, picture_id=picture_id)
    return Response(
        artifacts.get_bytes(picture.key, picture.sha256),
        media_type="image/webp",
        headers={"Cache-Control": "private, max-age=604800, immutable"},
    )


def _page(
    request: Request, session: Session, study: Study, user: User, *, asked: bool = False, status: int = 200
) -> Response:
    """The page; `asked` says that someone wanted to begin and could not yet."""
    view = before.view(session, study, user)
    texts = {"guidelines": view.guidelines, "consent": view.consent}
    return render(
        request,
        "annotate/before.html",
        status=status,
        study_id=study.id,
        name=study.name,
        question=study.question,
        warm_up=validated(study.settings).labeling.warm_up,
        before=view,
        asked=asked,
        html={name: prose(request, session, study_id=study.id, text=text) for name, text in texts.items()},
    )
