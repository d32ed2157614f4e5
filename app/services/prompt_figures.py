"""How a study's prompts fare: how often each was drawn, what was said of its pairs, whether its pictures improve.

All of it is added up over the study's newest rounds, as the sweep last counted each (`tallies`): how many rounds these
are is said with the figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import and_, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Group, Pair, PromptTally, Round, RoundKind, Sample, Study
from app.models.base import ids
from app.services import preferences
from app.services.measures import Share
from app.study_settings import validated

NOTHING = Share(0, 0)
ROUNDS = 20  # of each kind: prompts are changed by what came lately
SUMS = ("drawn", "answers", "ties", "both_bad", "skips", "twos", "alike", "wins", "decided")


@dataclass(frozen=True)
class PromptFigures:
    """One prompt in a study. `agreement`: of two answers on one pair, how often both were the same (none where no pair
    has two). `wins`: of the decided answers in comparisons, those for the newer policy's picture."""

    drawn: int = 0
    answers: int = 0
    ties: int = 0
    both_bad: int = 0
    skips: int = 0
    agreement: float | None = None
    wins: Share = NOTHING

    @property
    def ties_share(self) -> Share:
        return Share(self.ties, self.answers)

    @property
    def both_bad_share(self) -> Share:
        return Share(self.both_bad, self.answers)


@dataclass(frozen=True)
class StudyFigures:
    """The figures by prompt id, of the study's newest `preference_rounds` and `comparisons`."""

    by_prompt: Mapping[int, PromptFigures]
    preference_rounds: int
    comparisons: int

    def of(self, prompt_id: int) -> PromptFigures:
        return self.by_prompt.get(prompt_id, PromptFigures())


def of_study(session: Session, study: Study, *, rounds: int | None = ROUNDS) -> StudyFigures:
    """Figures of the newest `rounds` preference rounds, as many comparisons and imported ones (none: of all), as last
    counted. A fixed number of queries."""
    newest = {kind: _newest(session, study.id, kind, rounds) for kind in RoundKind}
    sums = [func.sum(getattr(PromptTally, name)) for name in SUMS]
    rows = session.execute(
        select(PromptTally.prompt_id, *sums)
        .where(PromptTally.study_id == study.id, PromptTally.round_id == func.any(ids("rounds")))
        .group_by(PromptTally.prompt_id),
        {"rounds": list(chain.from_iterable(newest.values()))},
    )
    figures = {prompt_id: _figures(dict(zip(SUMS, map(int, row), strict=True))) for prompt_id, *row in rows}
    return StudyFigures(figures, len(newest[RoundKind.PREFERENCE]), len(newest[RoundKind.EVALUATION]))


def count(session: Session, round_id: int) -> dict[int, dict[str, int]]:
    """What one round says of its prompts, from the choices themselves, by prompt id. Two queries."""
    round_ = session.get_one(Round, round_id)
    is_preference = round_.kind is RoundKind.PREFERENCE
    groups = select(Group.prompt_id, func.count()).where(Group.round_id == round_id).group_by(Group.prompt_id)
    drawn = dict(session.execute(groups).all()) if is_preference else {}
    said = _said(session, round_)
    nothing = dict.fromkeys(SUMS, 0)
    return {
        prompt_id: nothing | said.get(prompt_id, {}) | {"drawn": drawn.get(prompt_id, 0)}
        for prompt_id in drawn.keys() | said.keys()
    }


def _newest(session: Session, study_id: int, kind: RoundKind, limit: int | None) -> list[int]:
    query = select(Round.id).where(Round.study_id == study_id, Round.kind == kind)
    return list(session.scalars(query.order_by(Round.number.desc()).limit(limit)))


def _said(session: Session, round_: Round) -> dict[int, dict[str, int]]:
    """What was said, by prompt: each pair's answers are counted first, since agreement is a matter of pairs."""
    first, second = aliased(Sample), aliased(Sample)
    newer = or_(
        and_(Choice.answer == Answer.FIRST, first.number > second.number),
        and_(Choice.answer == Answer.SECOND, second.number > first.number),
    )
    decided = Choice.answer.in_((Answer.FIRST, Answer.SECOND))
    compared = literal(round_.kind is RoundKind.EVALUATION)
    counts = {answer: func.count().filter(Choice.answer == answer).label(answer.value) for answer in Answer}
    pairs = (
        preferences.speaking(round_, validated(round_.settings).labeling)
        .join(Group, Group.id == Pair.group_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .with_only_columns(
            Group.prompt_id.label("prompt_id"), *counts.values(),
            func.count().filter(compared, newer).label("wins"), func.count().filter(compared, decided).label("decided"),
        )
        .group_by(Group.prompt_id, Choice.pair_id)
        .subquery()
    )  # fmt: skip
    values = [pairs.c[answer.value] for answer in Answer if answer is not Answer.SKIP]
    alike = sum((value * (value - 1) for value in values[1:]), values[0] * (values[0] - 1))
    all_said = sum(values[1:], values[0])
    sums = {
        "answers": all_said,
        "ties": pairs.c.tie,
        "both_bad": pairs.c.both_bad,
        "skips": pairs.c.skip,
        "alike": alike,
        "twos": all_said * (all_said - 1),
        "wins": pairs.c.wins,
        "decided": pairs.c.decided,
    }
    rows = session.execute(
        select(pairs.c.prompt_id, *(func.sum(value).label(name) for name, value in sums.items())).group_by(
            pairs.c.prompt_id
        )
    ).mappings()
    return {row["prompt_id"]: {name: int(row[name]) for name in sums} for row in rows}


def _figures(sums: dict[str, int]) -> PromptFigures:
    return PromptFigures(
        drawn=sums["drawn"],
        answers=sums["answers"],
        ties=sums["ties"],
        both_bad=sums["both_bad"],
        skips=sums["skips"],
        agreement=sums["alike"] / sums["twos"] if sums["twos"] else None,
        wins=Share(sums["wins"], sums["decided"]),
    )
