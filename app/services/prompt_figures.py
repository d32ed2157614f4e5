"""How a study's prompts fare: how often each was drawn, what was said of its pairs, whether its pictures improve.

All of it comes from two queries over the study's newest rounds: how many is said with the figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Float, and_, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Group, Pair, Round, RoundKind, Sample, Study
from app.services import preferences
from app.services.measures import Share
from app.study_settings import validated

NOTHING = Share(0, 0)
ROUNDS = 20  # of each kind: what a page can count while someone waits


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


def of_study(session: Session, study: Study, *, rounds: int = ROUNDS) -> StudyFigures:
    """Figures of the newest `rounds` preference rounds and as many comparisons. A fixed number of queries."""
    preference, evaluation = (_newest(session, study.id, kind, rounds) for kind in RoundKind)
    drawn = dict(
        session.execute(
            select(Group.prompt_id, func.count()).where(Group.round_id.in_(preference)).group_by(Group.prompt_id)
        ).all()
    )
    said = _said(session, study, preference + evaluation)
    figures = {
        prompt_id: _figures(drawn.get(prompt_id, 0), said.get(prompt_id)) for prompt_id in drawn.keys() | said.keys()
    }
    return StudyFigures(figures, len(preference), len(evaluation))


def _newest(session: Session, study_id: int, kind: RoundKind, limit: int) -> list[int]:
    query = select(Round.id).where(Round.study_id == study_id, Round.kind == kind)
    return list(session.scalars(query.order_by(Round.number.desc()).limit(limit)))


def _said(session: Session, study: Study, round_ids: list[int]):  # type: ignore[no-untyped-def]  # rows by prompt id
    """What was said, by prompt: each pair's answers are counted first, since agreement is a matter of pairs."""
    first, second = aliased(Sample), aliased(Sample)
    newer = or_(
        and_(Choice.answer == Answer.FIRST, first.number > second.number),
        and_(Choice.answer == Answer.SECOND, second.number > first.number),
    )
    decided = Choice.answer.in_((Answer.FIRST, Answer.SECOND))
    compared = Round.kind == RoundKind.EVALUATION
    counts = {answer: func.count().filter(Choice.answer == answer).label(answer.value) for answer in Answer}
    kinds = preferences.COUNTED_KINDS[validated(study.settings).labeling.counted]
    pairs = (
        preferences.speaking_in(Pair.round_id.in_(round_ids), study.id, kinds)
        .join(Round, Round.id == Pair.round_id)
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
    rows = session.execute(
        select(
            pairs.c.prompt_id, func.sum(all_said), func.sum(pairs.c.tie), func.sum(pairs.c.both_bad),
            func.sum(pairs.c.skip), cast(func.sum(alike), Float), cast(func.sum(all_said * (all_said - 1)), Float),
            func.sum(pairs.c.wins), func.sum(pairs.c.decided),
        ).group_by(pairs.c.prompt_id)
    )  # fmt: skip
    return {row[0]: tuple(row)[1:] for row in rows}


def _figures(drawn: int, said: tuple[float, ...] | None) -> PromptFigures:
    if said is None:
        return PromptFigures(drawn=drawn)
    answers, ties, both_bad, skips, alike, twos, wins, decided = said
    return PromptFigures(
        drawn=drawn,
        answers=int(answers),
        ties=int(ties),
        both_bad=int(both_bad),
        skips=int(skips),
        agreement=alike / twos if twos else None,
        wins=Share(int(wins), int(decided)),
    )
