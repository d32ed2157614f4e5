"""What the page of an evaluation round shows: its result, what is still being drawn, who judged, and prompt by prompt
who won. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.models import Choice, Group, Pair, PairState, Prompt, Round, Sample
from app.services import checkpoint_views, evaluation_results
from app.services.checkpoint_views import Drawing
from app.services.evaluation_results import Result, Tally
from app.services.evaluation_views import Policy
from app.services.pictures import Picture
from app.services.round_views import RoundHead

PROMPTS = 24
PEOPLE = 12


@dataclass(frozen=True)
class Comparison:
    """The result, and for each policy whose pictures are still to be drawn how far that is.

    `independent`: every pair asks for one choice. Further choices on one pair tell less than those on others, so the
    interval is too narrow then. `places` is how many choices the round still asks for.
    """

    result: Result
    drawing: Sequence[tuple[Policy, Drawing]]
    independent: bool
    places: int


@dataclass(frozen=True)
class Judged:
    """Someone who judged, and what they said of the two policies."""

    user_id: int
    name: str
    tally: Tally


@dataclass(frozen=True)
class JudgedBy:
    """Those who judged most, of the `people` who judged at all."""

    shown: Sequence[Judged]
    people: int


@dataclass(frozen=True)
class Compared:
    """Two pictures of one prompt and noise, seen from the policy that the round names first."""

    pair_id: int
    draw: int
    picture: Picture
    other: Picture
    tally: Tally


@dataclass(frozen=True)
class PromptResult:
    """One prompt of the round: its pairs, and what was said of all of them."""

    number: int
    text: str
    tally: Tally
    pairs: Sequence[Compared]


@dataclass(frozen=True)
class ByPrompt:
    """Some of the round's prompts, in their order, from the one in place `first` on; `prompts` are all that it has."""

    rows: Sequence[PromptResult]
    first: int
    prompts: int


def comparison(session: Session, shown: RoundHead) -> Comparison:
    """The round's result as it stands."""
    line = shown.line
    result, drawing = evaluation_results.of_round(session, line.id), []
    if line.is_open:
        policies = (result.policy, result.other)
        found = [(p, checkpoint_views.drawing(session, line.study_id, p.checkpoint_id)) for p in policies]
        drawing = [(policy, one) for policy, one in found if not one.is_complete]
    asked = shown.settings.labeling.choices_per_pair
    places, made = session.execute(
        select(
            func.coalesce(func.sum(asked - Pair.filled).filter(Pair.state == PairState.OPEN), 0), func.count()
        ).where(Pair.round_id == line.id)
    ).one()
    wanted = int(places) + max(line.groups - made, 0) * asked
    return Comparison(result, drawing, asked == 1, wanted if line.is_open else 0)


def judged_by(session: Session, round_id: int) -> JudgedBy:
    """Who judged in the round; those who are left out of the study are not among them. Two queries."""
    people = session.scalar(
        evaluation_results.said(Round.id == round_id).with_only_columns(func.count(Choice.user_id.distinct()))
    )
    found = evaluation_results.by_person(session, round_id, limit=PEOPLE)
    return JudgedBy([Judged(*one) for one in found], people or 0)


def by_prompt(session: Session, round_id: int, *, first: int = 0, limit: int = PROMPTS) -> ByPrompt:
    """Some of the round's prompts with their pictures and who won. Three queries."""
    numbers = (
        select(Prompt.number)
        .join(Group, Group.prompt_id == Prompt.id)
        .join(Pair, Pair.group_id == Group.id)
        .where(Pair.round_id == round_id)
        .distinct()
    )
    prompts = session.scalar(select(func.count()).select_from(numbers.subquery())) or 0
    one, two = aliased(Sample), aliased(Sample)
    some = numbers.order_by(Prompt.number).offset(first).limit(limit).subquery()
    first_is_one = one.checkpoint_id.is_not_distinct_from(Round.checkpoint_id)
    found = session.execute(
        select(Pair.id, Group.draw, Prompt.number, Prompt.text, one, two, first_is_one)
        .join(Round, Round.id == Pair.round_id)
        .join(Group, Group.id == Pair.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .join(some, some.c.number == Prompt.number)
        .join(one, one.id == Pair.first_id)
        .join(two, two.id == Pair.second_id)
        .where(Pair.round_id == round_id)
        .order_by(Prompt.number, Group.draw)
    ).all()
    tallies = evaluation_results.by_pair(session, round_id, [row[0] for row in found])
    rows: dict[tuple[int, str], list[Compared]] = {}
    for pair_id, draw, number, text, *samples, in_order in found:
        picture, other = (_picture(sample) for sample in (samples if in_order else reversed(samples)))
        pair = Compared(pair_id, draw or 0, picture, other, tallies.get(pair_id, Tally()))
        rows.setdefault((number, text), []).append(pair)
    return ByPrompt(
        [PromptResult(*key, Tally.sum_of([p.tally for p in pairs]), pairs) for key, pairs in rows.items()],
        first, prompts,
    )  # fmt: skip


def _picture(sample: Sample) -> Picture:
    return Picture(sample.id, sample.webp_key, sample.width, sample.height)
