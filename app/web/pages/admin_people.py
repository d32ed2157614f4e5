"""`/admin/studies/{id}/people` and `…/gold`: who labels and how well, what leaving someone out would change, and the
pairs whose answer is known."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.errors import BadInput
from app.models import Answer, Participation
from app.services import gold, gold_views, leaving_out, participations, quality, studies
from app.services.quality import Annotator, Standing
from app.study_settings import validated
from app.web import forms, people_table, strips
from app.web.deps import RequireAdmin, SessionDep
from app.web.forms import PostedForm
from app.web.templating import render

router = APIRouter(prefix="/admin/studies/{study_id:int}")

Move = Literal["resume", "leave_out", "take_back"]
MOVES: dict[str, Callable[..., Participation]] = {
    "resume": participations.resume,
    "leave_out": participations.leave_out,
    "take_back": participations.take_back,
}
GOLD_A_PAGE = 24
CARDS = 30


@router.get("/people")
def people(
    request: Request, study_id: int, session: SessionDep, user: RequireAdmin, round: str = "",
    view: Literal["cards", "table"] = "cards", sort: str = "choices", up: bool = False,
    first: Annotated[int, Query(ge=0)] = 0, person: int | None = None,
) -> Response:  # fmt: skip
    """Everyone with their figures, of the whole study or of one `round`; as a table it is sorted by any of them. Cards
    come in pages, from the `first` person on; with `person`, the page on which they are."""
    study = studies.get(session, study_id)
    round_id = forms.whole_number(round.strip(), field="round", low=1, high=2**62)
    found = quality.of_study(session, study_id, round_id=round_id)
    sort = sort if sort in people_table.COLUMNS else "choices"
    if view == "table":
        annotators = people_table.ordered(found.annotators, sort, up=up)
    else:
        first = _page_of(found.annotators, person) if person is not None else first
        annotators = list(found.annotators[first : first + CARDS])
    return render(
        request,
        "people/people.html",
        study_id=study.id,
        name=study.name,
        labeling=validated(study.settings).labeling,
        alpha=found.alpha,
        annotators=annotators,
        in_all=len(found.annotators),
        uncounted=found.uncounted,
        before=max(first - CARDS, 0) if view == "cards" and first else None,
        after=first + CARDS if view == "cards" and first + CARDS < len(found.annotators) else None,
        rounds=quality.rounds_of(session, study_id),
        round_id=round_id,
        view=view,
        sort=sort,
        up=up,
        columns=people_table.COLUMNS,
        dots=strips.dots,
        strip=(strips.WIDTH, strips.HEIGHT),
    )


@router.get("/people/{user_id:int}/leave_out")
def before_leaving_out(
    request: Request, study_id: int, user_id: int, session: SessionDep, user: RequireAdmin
) -> Response:
    """What it would change; nothing is changed by looking."""
    found = leaving_out.preview(session, study_id=study_id, user_id=user_id)
    return render(
        request, "people/leave_out.html", study_id=study_id, name=studies.get(session, study_id).name, preview=found
    )


@router.post("/people/{user_id:int}/pause")
def pause(study_id: int, user_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm) -> Response:
    reason = forms.values(form).get("reason", "")
    participations.pause(session, study_id=study_id, user_id=user_id, reason=reason, actor=user)
    return _to_people(study_id, user_id)


@router.post("/people/{user_id:int}/{move}")
def make_move(study_id: int, user_id: int, move: Move, session: SessionDep, user: RequireAdmin) -> Response:
    MOVES[move](session, study_id=study_id, user_id=user_id, actor=user)
    return _to_people(study_id, user_id)


@router.get("/gold")
def known_answers(
    request: Request,
    study_id: int,
    session: SessionDep,
    user: RequireAdmin,
    show: Literal["set", "closed"] = "closed",
    before: int | None = None,
) -> Response:
    study = studies.get(session, study_id)
    found = gold_views.pairs(session, study_id, only_set=show == "set", before=before, limit=GOLD_A_PAGE + 1)
    return render(
        request,
        "people/gold.html",
        study_id=study.id,
        name=study.name,
        labeling=validated(study.settings).labeling,
        pairs=found[:GOLD_A_PAGE],
        more=found[GOLD_A_PAGE - 1].id if len(found) > GOLD_A_PAGE else None,
        count_set=gold_views.count_set(session, study_id),
        show=show,
        before=before,
    )


@router.post("/gold/{pair_id:int}")
def set_known_answer(
    study_id: int, pair_id: int, session: SessionDep, user: RequireAdmin, form: PostedForm
) -> Response:
    """Set the pair's known answer, or take it back where none is chosen; then the same page again."""
    posted: dict[str, Any] = forms.values(form)
    answer = posted.get("answer", "")
    if answer:
        if answer not in list(Answer):
            raise BadInput(f"{answer!r} is no answer.", "Use the buttons of the page.")
        gold.set_answer(session, pair_id=pair_id, answer=Answer(answer), actor=user)
    else:
        gold.unset(session, pair_id=pair_id, actor=user)
    show = "set" if posted.get("show") == "set" else "closed"
    before = forms.whole_number(posted.get("before", ""), field="before", low=1, high=2**62)
    page = f"/admin/studies/{study_id}/gold?show={show}" + (f"&before={before}" if before else "")
    return RedirectResponse(f"{page}#pair-{pair_id}", 303)


def _page_of(annotators: Sequence[tuple[Annotator, Standing]], user_id: int) -> int:
    """Where the page begins on which this person is; the first one where they take no part."""
    place = next((n for n, (annotator, _) in enumerate(annotators) if annotator.user_id == user_id), 0)
    return place - place % CARDS


def _to_people(study_id: int, user_id: int) -> Response:
    return RedirectResponse(f"/admin/studies/{study_id}/people?person={user_id}#annotator-{user_id}", 303)
