"""`/research/studies/…/agreement`: how far judges say what people say, and judges sent through pictures to find out."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import RoundKind
from app.services import judge_agreement, round_views, scorings, study_views
from app.services.judge_agreement import Agreement, OfRound
from app.services.training_views import Point
from app.web import charts, forms
from app.web.calibration_chart import calibration
from app.web.charts import Spread
from app.web.deps import RequireResearcher, SessionDep
from app.web.forms import PostedForm
from app.web.htmx import is_htmx, render_live
from app.web.templating import render

router = APIRouter(prefix="/research")

ROUNDS = 1000  # newest ones that are drawn and may be chosen
IN_TABLE = 20
DISPUTES = 9
SCORINGS = 10
ASKABLE = 100  # newest rounds that a judge can be sent through alone


@router.get("/studies/{study_id:int}/agreement")
def show(
    request: Request, study_id: int, session: SessionDep, user: RequireResearcher,
    judge: Annotated[str, Query(max_length=64)] = "", round: Annotated[str, Query(max_length=20)] = "",
) -> Response:  # fmt: skip
    """The whole page; for htmx, which asks while a judge is at work, the list of scorings alone."""
    view = {"study": study_views.card(session, study_id), **_scorings(session, study_id)}
    if is_htmx(request):
        return render_live(request, "agreement/agreement.html", "agreement/_scorings.html", **view)
    rounds = judge_agreement.rounds(session, study_id, limit=ROUNDS)
    round_id = int(round) if round.isdecimal() else None
    if round_id is not None and round_id not in {one for one, *_ in rounds}:
        round_id = None
    agreements = judge_agreement.of_study(session, study_id, round_id=round_id)
    response = render(
        request, "agreement/agreement.html", agreements=agreements, rounds=rounds, round_id=round_id,
        query=_query, offered=scorings.offered(session), askable=scorings.rounds(session, study_id, limit=ASKABLE),
        **_chosen(session, study_id, agreements, judge, round_id),
        **view,
    )  # fmt: skip
    response.headers["Vary"] = "HX-Request"
    return response


@router.post("/studies/{study_id:int}/agreement/scorings")
def ask(study_id: int, session: SessionDep, user: RequireResearcher, form: PostedForm) -> Response:
    posted = forms.values(form)
    round_id = posted.get("round", "")
    if round_id and not round_id.isdecimal():
        raise BadInput(f"{round_id!r} is no round.", "Choose one of the list.", fields={"round": "is none"})
    scorings.ask(
        session, study_id=study_id, judge=posted.get("judge", ""), round_id=int(round_id) if round_id else None,
        actor=user,
    )  # fmt: skip
    return _back(study_id)


@router.post("/scorings/{scoring_id:int}/stop")
def stop(scoring_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    scorings.stop(session, scoring_id=scoring_id, actor=user)
    return _back(scorings.get(session, scoring_id).study_id)


@router.post("/scorings/{scoring_id:int}/again")
def again(scoring_id: int, session: SessionDep, user: RequireResearcher) -> Response:
    scorings.again(session, scoring_id=scoring_id, actor=user)
    return _back(scorings.get(session, scoring_id).study_id)


def _scorings(session: Session, study_id: int) -> dict[str, Any]:
    found = scorings.lines(session, study_id, limit=SCORINGS)
    return {
        "scorings": found,
        "at_work": any(line.is_at_work for line in found),
        "workers": round_views.workers(session),
    }


def _chosen(
    session: Session, study_id: int, agreements: Sequence[Agreement], judge: str, round_id: int | None
) -> dict[str, Any]:
    """What is shown of one judge: the one that is named, else the first of all."""
    chosen = next((one for one in agreements if one.judge == judge), agreements[0] if agreements else None)
    if chosen is None:
        return {"chosen": None, "calibration": None, "by_round": [], "chart": None, "disputes": []}
    by_round = judge_agreement.by_round(session, study_id, chosen.judge, limit=ROUNDS)
    bins = judge_agreement.calibration(session, study_id, chosen.judge, round_id=round_id)
    return {
        "chosen": chosen,
        "calibration": calibration(bins),
        "by_round": by_round[:IN_TABLE],
        "chart": _chart(by_round),
        "disputes": judge_agreement.disputes(session, study_id, chosen.judge, round_id=round_id, limit=DISPUTES),
    }


def _chart(by_round: Sequence[OfRound]) -> charts.Chart | None:
    """The judge's accuracy in each round that is trained on; none where there are not two."""
    shares = [
        (line.number, line.agreement.accuracy)
        for line in reversed(by_round)
        if line.kind is RoundKind.PREFERENCE and line.agreement.accuracy.of
    ]
    if len(shares) < 2:
        return None
    points = [Point(number, share.value or 0.0) for number, share in shares]
    spreads = [Spread(number, *share.interval) for number, share in shares]
    return charts.line_chart(
        [("accuracy", charts.thinned(points))], spreads={"accuracy": charts.thinned(spreads)}, guide=0.5
    )


def _query(**chosen: str | int | None) -> str:
    return urlencode({name: value for name, value in chosen.items() if value})


def _back(study_id: int) -> Response:
    return RedirectResponse(f"/research/studies/{study_id}/agreement#scorings", 303)
