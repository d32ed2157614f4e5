"""The playground's form: what it begins with, how a try fills it, and what its fields ask for."""

from collections.abc import Mapping, Sequence

from app.errors import BadInput
from app.services.playground import MOST_DRAWS, Drawing, Policy, Wish
from app.services.tries import MOST_SEED
from app.services.try_views import Trying
from app.study_settings import SamplingSettings
from app.web import forms
from app.web.ids import MOST_ID

SINGLE = ("1", "2", "3")
MIXED = ("a", "b")
HALF = 0.5


def begun(sampling: SamplingSettings, chosen: Sequence[int]) -> dict[str, str]:
    """The fields as a study's form begins: the base beside these checkpoints, drawn as the study draws."""
    values = {
        "base": "true", "steps": f"{sampling.steps}", "eta": f"{sampling.eta:g}", "guidance": f"{sampling.guidance:g}",
        "negative_prompt": sampling.negative_prompt, "draws": "2",
    }  # fmt: skip
    return values | {f"checkpoint_{place}": f"{one}" for place, one in zip(SINGLE, chosen, strict=False)}


def of_try(trying: Trying) -> dict[str, str]:
    """The fields that asked for this try, its seed among them, so that what is changed is all that differs."""
    values = {
        "prompt": trying.prompt, "negative_prompt": trying.sampling.negative_prompt, "seed": f"{trying.seed}",
        "steps": f"{trying.sampling.steps}", "eta": f"{trying.eta:g}", "guidance": f"{trying.sampling.guidance:g}",
        "draws": f"{trying.draws}",
    }  # fmt: skip
    policies = trying.policies or []
    if any(not policy for policy in policies):
        values["base"] = "true"
    for place, policy in zip(SINGLE, [policy for policy in policies if len(policy) == 1], strict=False):
        values |= {f"checkpoint_{place}": f"{policy[0].checkpoint_id}", f"strength_{place}": f"{policy[0].weight:g}"}
    for policy in policies:
        if len(policy) == len(MIXED):
            for place, part in zip(MIXED, policy, strict=True):
                values |= {f"mix_{place}": f"{part.checkpoint_id}", f"weight_{place}": f"{part.weight:g}"}
    return values


def policies(posted: Mapping[str, str]) -> list[Policy]:
    """The policies in the order of their columns: the base, single checkpoints, the mix. Raises `BadInput`."""
    found: list[Policy] = [[]] if posted.get("base") else []
    single = [place for place in SINGLE if posted.get(f"checkpoint_{place}")]
    found += [[_wish(posted, f"checkpoint_{place}", f"strength_{place}", 1.0)] for place in single]
    chosen = [place for place in MIXED if posted.get(f"mix_{place}")]
    if len(chosen) == 1:
        raise BadInput("A mix is of two checkpoints.", fields={"mix": "choose both, or neither"})
    if chosen:
        found.append([_wish(posted, f"mix_{place}", f"weight_{place}", HALF) for place in MIXED])
    return found


def drawing(posted: Mapping[str, str]) -> Drawing:
    """How it is to be drawn; what is empty is as the study has it. Raises `BadInput`."""
    return Drawing(
        steps=forms.whole_number(posted.get("steps", ""), field="steps", low=2, high=500),
        eta=_number(posted, "eta"),
        guidance=_number(posted, "guidance"),
        negative_prompt=posted.get("negative_prompt", ""),
        seed=forms.whole_number(posted.get("seed", ""), field="seed", low=0, high=MOST_SEED - 1),
        draws=forms.whole_number(posted.get("draws", ""), field="draws", low=1, high=MOST_DRAWS) or 1,
    )


def _wish(posted: Mapping[str, str], which: str, weight: str, otherwise: float) -> Wish:
    number = forms.whole_number(posted[which], field=which, low=1, high=MOST_ID)
    said = _number(posted, weight)
    return Wish(number or 0, otherwise if said is None else said)


def _number(posted: Mapping[str, str], field: str) -> float | None:
    text = posted.get(field, "")
    try:
        return float(text) if text else None
    except ValueError as error:
        raise BadInput(f"{text!r} is not a number.", fields={field: "a number"}) from error
