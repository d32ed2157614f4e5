"""`/admin/prompts`: prompt sets, made from what is pasted, uploaded or shipped; how their prompts fare in a study."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import BaseModel, User
from app.services import (
    base_models,
    prompt_drafts,
    prompt_figures,
    prompt_lists,
    prompt_sets,
    prompt_texts,
    prompt_views,
    studies,
)
from app.services.prompt_drafts import Review, Splitting
from app.services.prompt_texts import Form
from app.services.prompt_views import SetPage
from app.web import forms, prompt_form
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import Given, PostedForm
from app.web.templating import render

router = APIRouter(prefix="/admin/prompts")


@router.get("")
def index(request: Request, session: SessionDep, user: RequireAdmin) -> Response:
    return render(request, "prompts/list.html", sets=prompt_views.every(session), lists=prompt_lists.every())


@router.get("/new")
def new(
    request: Request, session: SessionDep, user: RequireAdmin, ready: str = "", version_of: int | None = None
) -> Response:
    """The empty form; or with a shipped list in it, or with the set whose next version is to be made."""
    given: dict[str, str] = {}
    if ready:
        one = prompt_lists.get(ready)
        given = {"name": one.title, "prompts": one.text}
    if version_of is not None:
        text, form = prompt_texts.written(prompt_sets.lines_of(session, version_of))
        given = {"name": prompt_sets.get(session, version_of).name, "prompts": text, "form": form.value}
    return _form(request, session, given, is_edit=version_of is not None)


@router.post("")
def create(request: Request, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    """Save the set; or, by the button that was pressed, show what would be saved and save nothing."""
    posted = forms.values(form)
    try:
        posted = prompt_form.with_file(posted, form)
        review = prompt_drafts.review(prompt_form.draft(posted), model=_model(session, posted))
        if "preview" in posted:
            return _form(request, session, posted, review=review)
        with session.begin_nested():
            made = _save(session, posted, review, user)
    except BadInput as error:
        return _form(request, session, posted, errors=error.fields or {"prompts": str(error)}, status=error.status)
    return RedirectResponse(f"/admin/prompts/{made}", 303)


@router.get("/{prompt_set_id:int}")
def show(
    request: Request, prompt_set_id: int, session: SessionDep, user: RequireAdmin, first: int = 0,
    study: int | None = None, rounds: str = "",
) -> Response:  # fmt: skip
    """The set, and how its prompts fare in one of the studies that use it: the newest, where none is named."""
    page = prompt_views.page(session, prompt_set_id, first=max(first, 0))
    chosen = _study_id(page, study)
    limit = None if rounds == "all" else prompt_figures.ROUNDS
    figures = prompt_figures.of_study(session, studies.get(session, chosen), rounds=limit) if chosen else None
    return render(
        request,
        "prompts/set.html",
        set=page,
        study_id=chosen,
        figures=figures,
        most_rounds=prompt_figures.ROUNDS,
        all_rounds=rounds == "all",
    )


def _study_id(page: SetPage, asked: int | None) -> int | None:
    """The study whose figures are shown: the one asked for, as far as it uses the set."""
    used = [study.id for study in page.studies]
    return asked if asked in used else next(iter(used), None)


def _save(session: Session, posted: Mapping[str, str], review: Review, user: User) -> int:
    if not posted.get("name"):
        raise BadInput("A prompt set needs a name.", fields={"name": "This is needed."})
    return prompt_sets.create(session, name=posted["name"], prompts=review.kept, actor=user).id


def _model(session: Session, posted: Mapping[str, str]) -> BaseModel | None:
    """The model whose text encoder's limit is looked at."""
    chosen = forms.whole_number(posted.get("model", ""), field="model", low=1, high=2**62)
    return base_models.get(session, chosen) if chosen else None


def _form(
    request: Request, session: Session, given: Mapping[str, str], *, review: Review | None = None,
    errors: Mapping[str, str] | None = None, is_edit: bool = False, status: int = 200,
) -> Response:  # fmt: skip
    models = base_models.every(session)
    known = {"held": prompt_form.HELD_PERCENT, "model": str(models[-1].id) if models else ""}
    return render(
        request,
        "prompts/new.html",
        status=status,
        given=Given({**known, **given}),
        errors=Given(errors or {}),
        review=review,
        is_edit=is_edit or "is_edit" in given,
        lists=prompt_lists.every(),
        models=models,
        written=list(Form),
        splittings=list(Splitting),
    )
