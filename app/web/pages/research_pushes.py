"""`/research/checkpoints/…/pushes`: a checkpoint pushed to the Hugging Face hub, from its page."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.errors import BadInput
from app.services import checkpoint_views, pushes
from app.web import forms
from app.web.deps import RequireResearcher, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm
from app.web.htmx import is_htmx
from app.web.pages.research import checkpoint_page, pushed
from app.web.templating import render

router = APIRouter(prefix="/research")


@router.get("/checkpoints/{checkpoint_id:int}/pushes")
def show(
    request: Request, checkpoint_id: int, session: SessionDep, settings: SettingsDep, user: RequireResearcher
) -> Response:
    """The part of the checkpoint's page, for htmx, which asks while one is at work."""
    if not is_htmx(request):
        return RedirectResponse(f"/research/checkpoints/{checkpoint_id}#pushes", 303)
    line = checkpoint_views.page(session, checkpoint_id).line
    return render(request, "checkpoints/_pushes.html", line=line, **pushed(session, settings, line.id))


@router.post("/checkpoints/{checkpoint_id:int}/pushes")
def ask(
    request: Request, checkpoint_id: int, session: SessionDep, settings: SettingsDep, user: RequireResearcher,
    form: PostedForm,
) -> Response:  # fmt: skip
    """A name that the hub does not take is said beside the field."""
    given = Given(forms.values(form))
    try:
        pushes.ask(
            session, checkpoint_id=checkpoint_id, repo=given["repo"], private=given["public"] != "true",
            provenance=given["provenance"] == "true", settings=settings, actor=user,
        )  # fmt: skip
    except BadInput as error:
        page = checkpoint_page(request, session, settings, checkpoint_id, given=given, fault=str(error))
        page.status_code = error.status
        return page
    return _back(checkpoint_id)


@router.post("/pushes/{push_id:int}/stop")
def stop(push_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    pushes.stop(session, push_id=push_id, actor=user)
    return _back(pushes.get(session, push_id).checkpoint_id)


@router.post("/pushes/{push_id:int}/again")
def again(push_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    pushes.again(session, push_id=push_id, actor=user)
    return _back(pushes.get(session, push_id).checkpoint_id)


def _back(checkpoint_id: int) -> Response:
    return RedirectResponse(f"/research/checkpoints/{checkpoint_id}#pushes", 303)
