"""A checkpoint's model card: Markdown in the conventions of the Hugging Face hub, with how to use it, what came out,
what it was made from, and its pictures. English, as all that leaves the house."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.models import Sampler, UserKind
from app.services import checkpoint_views, evaluation_results, evaluation_scores, evaluation_views, provenance
from app.services.checkpoint_views import CheckpointPage
from app.services.evaluation_results import Tally
from app.services.evaluation_scores import JudgeScores
from app.services.evaluation_views import Policy
from app.services.measures import Mean
from app.services.pictures import Picture
from app.services.provenance import Teller

PICTURES = 8
FAMILIES = {"sd1": "stable-diffusion", "sd2": "stable-diffusion", "sdxl": "stable-diffusion-xl"}
PIPELINES = {"sdxl": "StableDiffusionXLPipeline"}
PAPER = (
    "[Using Human Feedback to Fine-tune Diffusion Models without Any Reward Model](https://arxiv.org/abs/2311.13231)"
)


@dataclass(frozen=True)
class Shown:
    """One prompt with the checkpoint's picture of it, and the base's at the same noise where there is one; each lies at
    `path` beside the card."""

    number: int
    prompt: str
    picture: Picture
    base: Picture | None

    @property
    def path(self) -> str:
        return f"images/{self.number}.webp"

    @property
    def base_path(self) -> str | None:
        return f"images/{self.number}-base.webp" if self.base else None


@dataclass(frozen=True)
class CardFacts:
    """All that a card tells."""

    page: CheckpointPage
    tellers: Sequence[Teller]
    scores: Sequence[JudgeScores]
    blind: Sequence[tuple[Policy, Tally]]
    shown: Sequence[Shown]


def facts(session: Session, checkpoint_id: int, *, secret: str) -> CardFacts:
    """What the card of this checkpoint tells, as it stands now. Raises `NotFound`."""
    page = checkpoint_views.page(session, checkpoint_id)
    line = page.line
    policies = [Policy(None, 0), Policy(line.id, line.number)]
    rows = evaluation_views.rows(session, line.study_id, policies, sampler=Sampler.DDIM, draw=0, limit=PICTURES)
    return CardFacts(
        page=page,
        tellers=provenance.tellers(session, checkpoint_id, secret=secret),
        scores=evaluation_scores.of_study(session, line.study_id),
        blind=list(_blind(session, page)),
        shown=[Shown(row.number, row.prompt, own, row.pictures[0]) for row in rows if (own := row.pictures[1])],
    )


def diffusers_code(page: CheckpointPage, prompt: str, file: str) -> str:
    """Five lines that draw with the downloaded LoRA, as the study draws. `file`: a file, or a folder that holds it."""
    quoted = partial(json.dumps, ensure_ascii=False)
    pipeline = PIPELINES.get(page.model.family, "StableDiffusionPipeline")
    revision = f', revision="{page.model.revision}"' if page.model.revision else ""
    steps, guidance = page.sampling["steps"], page.sampling["guidance"]
    return "\n".join(
        (
            f"from diffusers import {pipeline}",
            f"pipe = {pipeline}.from_pretrained({quoted(page.model.source)}{revision})",
            f"pipe.load_lora_weights({quoted(file)})",
            f"image = pipe({quoted(prompt)}, num_inference_steps={steps}, guidance_scale={guidance:g}).images[0]",
            'image.save("picture.png")',
        )
    )


def peft_code(page: CheckpointPage, prompt: str, folder: str) -> str:
    """The same by peft, from the folder of its two files."""
    first, load, _, *rest = diffusers_code(page, prompt, folder).split("\n")
    put_on = f"pipe.unet = PeftModel.from_pretrained(pipe.unet, {json.dumps(folder)})"
    return "\n".join((first, "from peft import PeftModel", load, put_on, *rest))


@dataclass(frozen=True)
class Beside:
    """What lies beside the card: the form of the LoRA, and whether the provenance does. In the hub's repository `repo`
    (none: in a folder) it is read from elsewhere, where a folder of this machine leads nowhere."""

    format: str = "diffusers"
    provenance: bool = True
    repo: str | None = None


def text(told: CardFacts, beside: Beside = Beside()) -> str:
    """The card."""
    if beside.repo is not None and not told.page.model.revision:
        model = replace(told.page.model, source=Path(told.page.model.source).name)
        told = replace(told, page=replace(told.page, model=model))
    return "\n".join(("---", *_head(told), "---", "", *_body(told, beside))).rstrip() + "\n"


def _head(told: CardFacts) -> Iterator[str]:
    """The metadata that the hub reads: YAML whose values are written as JSON, which is YAML too."""
    model = told.page.model
    values: dict[str, Any] = {}
    if model.revision:  # a hub id; a folder's path means nothing elsewhere
        values |= {"base_model": model.source, "base_model_relation": "adapter"}
    values |= {
        "library_name": "diffusers",
        "pipeline_tag": "text-to-image",
        "license": "other",
        "license_name": "as-the-base-model",
        **({"license_link": f"https://huggingface.co/{model.source}"} if model.revision else {}),
        "instance_prompt": None,
        "tags": [
            "text-to-image", "diffusers", "diffusers-training", "lora", FAMILIES[model.family], "template:sd-lora",
            "d3po", "human-feedback", "tastemaker",
        ],
    }  # fmt: skip
    for name, value in values.items():
        yield f"{name}: {json.dumps(value, ensure_ascii=False)}"
    if told.shown:
        yield "widget:"
        for one in told.shown:
            yield f"- text: {json.dumps(one.prompt, ensure_ascii=False)}"
            yield f"  output: {json.dumps({'url': one.path})}"


def _body(told: CardFacts, beside: Beside) -> Iterator[str]:
    page, line = told.page, told.page.line
    yield from (f"# {_inline(line.study_name)}, checkpoint {line.number}", "")
    yield (
        f"A LoRA for {_inline(page.model.name)}, trained on {_who(told.tellers)} by D3PO ({PAPER}): no reward "
        f"model, only which of two pictures is better. The question was: “{_inline(page.question)}”"
    )
    yield from (
        "",
        *_use(told, beside),
        *_pictures(told),
        *_results(told),
        *_data(told),
        *_settings(told),
        *_origin(told, beside),
    )


def _use(told: CardFacts, beside: Beside) -> Iterator[str]:
    page = told.page
    prompt = told.shown[0].prompt if told.shown else "a picture"
    library, code = ("peft", peft_code) if beside.format == "peft" else ("diffusers", diffusers_code)
    yield from ("## Use it", "", f"With {library}{'' if beside.repo else ', in the folder of this card'}:")
    yield from ("", "```python", code(page, prompt, beside.repo or "."), "```", "")
    yield (
        "In ComfyUI, AUTOMATIC1111 and Forge: put the file in kohya's naming into the folder for LoRAs. It was trained "
        f"at strength 1, {page.sampling['steps']} steps and guidance {page.sampling['guidance']:g}. There is no "
        "trigger word."
    )
    yield ""


def _pictures(told: CardFacts) -> Iterator[str]:
    if not told.shown:
        return
    yield from ("## Pictures", "", "By DDIM at eta 0, both at the same noise.", "")
    yield from _table(
        ("prompt", "base model", "with this LoRA"),
        (
            (_cell(one.prompt), f"![base]({one.base_path})" if one.base else "", f"![with this LoRA]({one.path})")
            for one in told.shown
        ),
    )


def _results(told: CardFacts) -> Iterator[str]:
    number, summary = told.page.line.number, told.page.summary
    rows = [
        (_cell(judge.judge), score.sampler.value, _mean(score.mean), _mean(score.difference), judge.unit or "")
        for judge in told.scores
        for score in judge.policies
        if score.policy.number == number
    ]
    held_out = summary.get("held_out")
    if not rows and not told.blind and not held_out:
        return
    yield from ("## Results", "")
    if rows:
        yield from (
            "Means of scoring functions over the evaluation pictures, with intervals of 95 %; the difference is to the "
            "base model, picture by picture.", "",
        )  # fmt: skip
        yield from _table(("score", "drawn by", "mean", "difference to the base", "unit"), rows)
    if told.blind:
        yield from ("Blind comparisons: the share of choices that it won, a tie counting half.", "")
        yield from _table(("against", "won", "interval of 95 %", "choices"), (_won(*one) for one in told.blind))
    if held_out:
        yield (
            f"Accuracy on {held_out['pairs']} pairs that were never trained: {held_out['accuracy']:.1%} "
            f"({held_out['low']:.1%} to {held_out['high']:.1%})."
        )
        yield ""


def _data(told: CardFacts) -> Iterator[str]:
    page, line = told.page, told.page.line
    people = sum(one.by is UserKind.PERSON for one in told.tellers)
    judges = [one.name for one in told.tellers if one.by is UserKind.JUDGE]
    facts = [
        ("pairs", line.pairs), ("held out", page.held_out), ("choices", page.choices), ("people", people),
        ("judges", ", ".join(judges)), ("SHA-256 of the frozen list", f"`{page.set_sha256}`"),
    ]  # fmt: skip
    if told.tellers:
        first, last = (min(one.first_at for one in told.tellers), max(one.last_at for one in told.tellers))
        facts.append(("made", f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"))
    yield from ("## Data", "")
    yield from _table(("", ""), ((name, str(value)) for name, value in facts if value not in ("", None)))


def _settings(told: CardFacts) -> Iterator[str]:
    for name, block in (("Training", told.page.training), ("Sampling", told.page.sampling)):
        yield from (f"## {name}", "")
        yield from _table(("setting", "value"), ((key, f"`{_value(value)}`") for key, value in block.items()))


def _origin(told: CardFacts, beside: Beside) -> Iterator[str]:
    page, line = told.page, told.page.line
    record = page.provenance
    parent = "the base model" if line.parent_number is None else f"checkpoint {line.parent_number}"
    versions: Mapping[str, str] = record.get("code", {})
    facts = [
        ("round", f"{line.round_number}, run {line.run_number}"),
        ("started from", parent),
        ("base model", f"{page.model.source}{f' @ {page.model.revision}' if page.model.revision else ''}"),
        ("adapter, SHA-256", f"`{line.adapter_sha256}`"),
        ("machine", record.get("machine", {}).get("device", "")),
        ("software", ", ".join(f"{name} {of}" for name, of in versions.items() if name != "d3po_sha256")),
        *((f"{file.format} file, SHA-256", f"`{file.sha256}`") for file in page.files),
    ]
    yield from ("## Where it comes from", "")
    yield from _table(("", ""), ((name, str(value)) for name, value in facts if value))
    if beside.provenance:
        yield "`provenance.json` beside this card has all of it, each choice included, with annotators by pseudonym."


def _who(tellers: Sequence[Teller]) -> str:
    people, judges = (sum(one.by is kind for one in tellers) for kind in (UserKind.PERSON, UserKind.JUDGE))
    told = [f"{people} people's" if people != 1 else "one person's"] if people else []
    told += [f"{judges} scoring functions'" if judges != 1 else "a scoring function's"] if judges else []
    return f"{' and '.join(told)} choices" if told else "choices"


def _blind(session: Session, page: CheckpointPage) -> Iterator[tuple[Policy, Tally]]:
    """Against whom it was compared, seen from it."""
    for found in evaluation_results.comparisons(session, page.line.study_id):
        if seen := found.seen_from(page.line.number):
            yield seen


def _won(against: Policy, tally: Tally) -> tuple[str, ...]:
    low, high = tally.rate.interval
    name = f"checkpoint {against.number}" if against.number else "base model"
    return name, f"{tally.rate.value or 0:.1%}", f"{low:.1%} to {high:.1%}", str(tally.rate.of)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _mean(mean: Mean | None) -> str:
    if mean is None:
        return ""
    half = mean.high - mean.mean
    return f"{mean.mean:.4g}" if half == float("inf") else f"{mean.mean:.4g} ± {half:.2g}"


def _value(value: Any) -> str:
    return "none" if value is None else str(value)


def _cell(words: str) -> str:
    """A text that someone typed, within a table's cell."""
    return _inline(words).replace("|", "\\|")


def _inline(words: str) -> str:
    """A text that someone typed, as one line that Markdown and HTML leave as it is."""
    plain = " ".join(words.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{letter}" if letter in "\\`*_[]" else letter for letter in plain)
