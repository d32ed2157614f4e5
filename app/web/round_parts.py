"""The parts of a round's page. Each is a fragment of its own: drawn with the page, asked for alone, or sent by stream.

A part's facts are equal exactly where nothing changed, so the stream sends only what differs. A part that holds forms
or pictures is drawn for one viewer; of those the stream only says that they changed, and the page asks for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.models import RoundKind
from app.services import comparison_views, job_logs, labeling_views, round_views, training_views, warning_views
from app.services.round_views import RoundHead
from app.services.training_views import Training
from app.web import charts

LOG_2 = 0.6931471805599453
TRAINED = frozenset({RoundKind.PREFERENCE})
WITH_PICTURES = frozenset({RoundKind.PREFERENCE, RoundKind.IMPORTED})


@dataclass(frozen=True)
class Part:
    """One part: where its facts come from, and how a template sees them beyond the facts themselves."""

    name: str
    facts: Callable[[Session, RoundHead], Any]
    drawn: Callable[[Any], Mapping[str, Any]] = lambda facts: {}
    for_one_viewer: bool = False
    kinds: frozenset[RoundKind] = frozenset(RoundKind)

    @property
    def template(self) -> str:
        return f"rounds/_{self.name}.html"

    def view(self, head: RoundHead, facts: Any) -> dict[str, Any]:
        """What the part's template needs."""
        return {"round": head, self.name: facts, **self.drawn(facts)}


def training_charts(training: Training | None) -> dict[str, Any]:
    """The curves and columns of a training run as geometry."""
    if training is None:
        return {"curves": {}, "schedule": []}
    curve = training.curves
    loss, accuracy = ("loss", curve["loss"]), ("accuracy", curve["accuracy"])
    margin, norm = ("margin", curve["margin"]), ("norm", curve["grad_norm"])
    kl = [("sampled", curve["kl_sampled"]), ("base", curve["kl_base"])]
    clamped = [("sides", curve["clamped_sides"]), ("pairs", curve["clamped_pairs"])]
    return {
        "curves": {
            "loss": charts.line_chart([loss], guide=LOG_2, smooth=True),
            "accuracy": charts.line_chart([accuracy], guide=0.5, floor=0, ceiling=1, smooth=True),
            "margin": charts.line_chart([margin], guide=0, smooth=True),
            "kl": charts.line_chart(kl, floor=0),
            "clamped": charts.line_chart(clamped, floor=0, ceiling=1, smooth=True),
            "grad_norm": charts.line_chart([norm], floor=0, smooth=True),
        },
        "schedule": schedule_charts(training),
    }


def schedule_charts(training: Training) -> list[charts.Bars]:
    """Gain, log-ratio and clamped share over the steps of the denoising schedule, from noise to picture."""
    rows = training.by_step
    if not rows:
        return []
    labels = [str(row.timestep) for row in rows]
    return [
        charts.bar_row(labels, [row.gain for row in rows]),
        charts.bar_row(labels, [row.r_chosen for row in rows]),
        charts.bar_row(labels, [row.r_other for row in rows]),
        charts.bar_row(labels, [row.clamped for row in rows]),
    ]


PARTS = {
    part.name: part
    for part in (
        Part("stages", lambda session, head: head),
        Part("moves", lambda session, head: head.moves, for_one_viewer=True),
        Part("warnings", lambda session, head: warning_views.of_round(session, head.line.id)),
        Part("comparison", comparison_views.comparison, kinds=frozenset({RoundKind.EVALUATION})),
        Part(
            "judged_by",
            lambda session, head: comparison_views.judged_by(session, head.line.id),
            kinds=frozenset({RoundKind.EVALUATION}),
        ),
        Part("labeling", labeling_views.labeling),
        Part("put_aside", round_views.put_aside, for_one_viewer=True, kinds=TRAINED),
        Part("generation", round_views.generation, kinds=TRAINED),
        Part(
            "training",
            lambda session, head: training_views.of_round(session, head.line.id),
            training_charts,
            kinds=TRAINED,
        ),
        Part(
            "pictures",
            lambda session, head: round_views.pictures(session, head.line),
            for_one_viewer=True,
            kinds=WITH_PICTURES,
        ),
        Part("log", lambda session, head: job_logs.newest(session, head.line.id), kinds=TRAINED),
        Part("workers", lambda session, head: round_views.workers(session)),
        Part("history", lambda session, head: round_views.history(session, head.line.id)),
    )
}


def of_round(head: RoundHead) -> list[Part]:
    """The parts that the round's page has."""
    return [part for part in PARTS.values() if head.line.kind in part.kinds]
