"""The kinds of trouble that are watched for: each with what it looks at, what it says, and what helps.

The registry of all warnings. A kind is found by a pure function of stored figures and the study's `watching` settings,
which hold its bounds and, under its own name, what the study does about it. What is said names figures as `%(name)s`;
`units` says how each is written, so that pages write them in the reader's language.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.models.base import Json
from app.services.measures import Share, difference_interval
from app.services.trouble_figures import FEWEST, Agreement, RoundFigures, RunFigures
from app.study_settings import WatchingSettings


class Unit(StrEnum):
    """How a figure is written."""

    NUMBER = "number"
    SHARE = "share"
    COUNT = "count"
    TIMES = "times"
    WORD = "word"


class Step(StrEnum):
    """What can be done about it on the pages."""

    OTHER_SETTINGS = "other_settings"  # train again on the same choices
    GO_BACK = "go_back"  # start from an earlier checkpoint
    COMPARE = "compare"  # let people compare two checkpoints blindly
    ANNOTATORS = "annotators"  # see who answers, and how well
    LABELING = "labeling"  # change what annotators are asked
    SETTINGS = "settings"  # change what later rounds draw and train with


@dataclass(frozen=True)
class Trouble:
    """One kind. `of_run` or `of_round` finds it, and gives the figures that it says.

    `spoils`: the checkpoint is the worse for it, so that going back helps. `by_pictures`: it is told by the evaluation
    pictures, which are drawn after the round.
    """

    name: str
    title: str
    says: str
    helps: str
    units: Mapping[str, Unit]
    steps: Sequence[Step]
    of_run: Callable[[RunFigures, WatchingSettings], Json | None] = field(default=lambda figures, watching: None)
    of_round: Callable[[RoundFigures, WatchingSettings], Json | None] = field(default=lambda figures, watching: None)
    spoils: bool = False
    by_pictures: bool = False


def said(template: str, figures: Mapping[str, Any], units: Mapping[str, Unit], writes: Mapping[Unit, Any]) -> str:
    """`template` with its figures, each as `writes` writes its unit."""
    return template % {name: writes[unit](figures.get(name)) for name, unit in units.items()}


def in_english(trouble: Trouble, figures: Mapping[str, Any]) -> str:
    """What the kind says of these figures, for the history."""
    return said(trouble.says, figures, trouble.units, ENGLISH)


def _not_finite(run: RunFigures, watching: WatchingSettings) -> Json | None:
    return None if run.diverged_at is None else {"step": run.diverged_at}


def _kl(run: RunFigures, watching: WatchingSettings) -> Json | None:
    base, within = run.kl_base or 0.0, run.kl_round or 0.0
    if base <= watching.kl_base_above and within <= watching.kl_round_above:
        return None
    bounds = {"base_above": watching.kl_base_above, "round_above": watching.kl_round_above}
    return {"base": base, "round": within, **bounds}


def _clamped(run: RunFigures, watching: WatchingSettings) -> Json | None:
    if run.clamped is None or run.clamped <= watching.clamped_above:
        return None
    return {"share": run.clamped}


def _accuracy(run: RunFigures, watching: WatchingSettings) -> Json | None:
    share = Share(round(run.foretold.part), run.foretold.of)
    low, high = share.interval
    if share.of < watching.accuracy_pairs or low > 0.5:
        return None
    return {"share": share.value, "low": low, "high": high, "pairs": share.of}


def _collapse(run: RunFigures, watching: WatchingSettings) -> Json | None:
    pictures = run.pictures
    apart = [share for share in (pictures.structure, pictures.colours) if share is not None] if pictures else []
    if pictures is None or not apart or min(apart) >= watching.diversity_below:
        return None
    return {"structure": pictures.structure, "colours": pictures.colours, "pictures": pictures.pictures}


def _saturation(run: RunFigures, watching: WatchingSettings) -> Json | None:
    pictures = run.pictures
    if pictures is None:
        return None
    looks = {name: getattr(pictures, name) for name in ("saturation", "brightness", "sharpness")}
    if not any(_is_off(times, watching.looks_factor) for times in looks.values()):
        return None
    return {**looks, "factor": watching.looks_factor}


def _drift(run: RunFigures, watching: WatchingSettings) -> Json | None:
    """The judge that agrees least with people, of those that contradict them or agree less than before by more than
    chance."""
    apart = [one for one in run.agreements if one.newest.of >= watching.drift_pairs and _drifts(one)]
    if not apart:
        return None
    worst = min(apart, key=lambda one: one.newest.part / one.newest.of)
    newest, before = Share(round(worst.newest.part), worst.newest.of), Share(round(worst.before.part), worst.before.of)
    return {"judge": worst.judge, "share": newest.value, "choices": newest.of, "before": before.value}


def _alike(round_: RoundFigures, watching: WatchingSettings) -> Json | None:
    if round_.pairs < FEWEST or round_.alike <= watching.alike_share * round_.pairs:
        return None
    return {"alike": round_.alike, "pairs": round_.pairs, "distance": watching.alike_distance}


def _is_off(times: float | None, factor: float) -> bool:
    return times is not None and (times > factor or times * factor < 1)


def _drifts(one: Agreement) -> bool:
    newest, before = Share(round(one.newest.part), one.newest.of), Share(round(one.before.part), one.before.of)
    if newest.interval[1] < 0.5:
        return True
    return before.of >= FEWEST and difference_interval(newest, before)[1] < 0


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3g}"


ENGLISH: Mapping[Unit, Callable[[Any], str]] = {
    Unit.NUMBER: _number,
    Unit.SHARE: lambda value: "–" if value is None else f"{value:.0%}",
    Unit.COUNT: lambda value: f"{value:,}",
    Unit.TIMES: lambda value: f"× {_number(value)}",
    Unit.WORD: str,
}

TROUBLES = (
    Trouble(
        "not_finite",
        "The loss is not finite",
        "Training stopped itself at step %(step)s: the loss or its gradient was no finite number, and nothing can be "
        "learned from that.",
        "Train again on the same choices with a lower learning rate, or with a clip such as 0.1. No click is lost.",
        {"step": Unit.COUNT},
        (Step.OTHER_SETTINGS,),
        of_run=_not_finite,
    ),
    Trouble(
        "kl",
        "KL is running away",
        "Training has moved the policy %(base)s away from the base model, and %(round)s within this round, as KL per "
        "latent element (too far here: %(base_above)s and %(round_above)s). Beyond that pictures spoil: shapes are "
        "lost, and all backgrounds turn one colour.",
        "Train again with a lower learning rate, or with max_kl, which ends training in time; or go back to an earlier "
        "checkpoint. Look at the evaluation pictures first: the bounds were seen on the demo model.",
        {"base": Unit.NUMBER, "round": Unit.NUMBER, "base_above": Unit.NUMBER, "round_above": Unit.NUMBER},
        (Step.OTHER_SETTINGS, Step.GO_BACK),
        of_run=_kl,
        spoils=True,
    ),
    Trouble(
        "clamped",
        "Training has all but stopped",
        "In %(share)s of the newest pairs both pictures are past the clamp, so these pairs give no gradient.",
        "What helps: a lower learning rate, a wider clip, fewer inner epochs, or the policy that sampled the round as "
        "the reference.",
        {"share": Unit.SHARE},
        (Step.OTHER_SETTINGS,),
        of_run=_clamped,
    ),
    Trouble(
        "accuracy",
        "Accuracy is stuck at one half",
        "Over the newest %(pairs)s pairs the policy foretold %(share)s of the choices (range "
        "%(low)s to %(high)s): no better than tossing a coin.",
        "Either the choices contradict each other, or the pictures differ too little, or too little is learned from "
        "each. See whether annotators agree, ask for more choices of each pair, or raise the learning rate. A study "
        "can learn before single choices can be foretold, so look at the evaluation pictures too.",
        {"pairs": Unit.COUNT, "share": Unit.SHARE, "low": Unit.SHARE, "high": Unit.SHARE},
        (Step.ANNOTATORS, Step.LABELING, Step.OTHER_SETTINGS),
        of_run=_accuracy,
    ),
    Trouble(
        "collapse",
        "Pictures are collapsing",
        "Pictures of one prompt differ far less than the base model's do: %(structure)s as much in structure, "
        "%(colours)s as much in colour, over %(pictures)s evaluation pictures. Soon there is nothing left to choose "
        "between.",
        "Go back to an earlier checkpoint, and train with a lower learning rate or with max_kl.",
        {"structure": Unit.SHARE, "colours": Unit.SHARE, "pictures": Unit.COUNT},
        (Step.GO_BACK, Step.OTHER_SETTINGS),
        of_run=_collapse,
        spoils=True,
        by_pictures=True,
    ),
    Trouble(
        "saturation",
        "The pictures' looks have run away",
        "Beside the base model's evaluation pictures saturation is %(saturation)s, brightness %(brightness)s and "
        "sharpness %(sharpness)s; more than %(factor)s, or as many times less, is too much.",
        "If people wanted just this, all is well. If not, go back to an earlier checkpoint, and train with a lower "
        "learning rate.",
        {"saturation": Unit.TIMES, "brightness": Unit.TIMES, "sharpness": Unit.TIMES, "factor": Unit.TIMES},
        (Step.GO_BACK, Step.OTHER_SETTINGS),
        of_run=_saturation,
        spoils=True,
        by_pictures=True,
    ),
    Trouble(
        "drift",
        "A judge and people drift apart",
        "The scores of %(judge)s agree with %(share)s of people's newest %(choices)s choices (before: %(before)s).",
        "The judge measures something else than people see, so its curve says little of this study. Let people compare "
        "checkpoints blindly; and where a judge's choices are trained on, let people's count.",
        {"judge": Unit.WORD, "share": Unit.SHARE, "choices": Unit.COUNT, "before": Unit.SHARE},
        (Step.COMPARE, Step.LABELING, Step.GO_BACK),
        of_run=_drift,
        spoils=True,
        by_pictures=True,
    ),
    Trouble(
        "alike",
        "Many pairs look the same",
        "%(alike)s of the %(pairs)s pairs drawn so far look the same (their perceptual distance is below "
        "%(distance)s), so a choice between them says nothing.",
        "Draw later rounds with a larger eta or more steps, which makes pictures of a group differ; or let alike_below "
        "leave such pairs out.",
        {"alike": Unit.COUNT, "pairs": Unit.COUNT, "distance": Unit.NUMBER},
        (Step.LABELING, Step.SETTINGS),
        of_round=_alike,
    ),
)
BY_NAME = {trouble.name: trouble for trouble in TROUBLES}
