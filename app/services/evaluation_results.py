"""What people chose in evaluation rounds: which of two policies they prefer, and how sure that is. Read-only.

Choices count here that stand, were made by people who are not left out, and on pairs that are not void; a choice that
came after its round had ended is one like any other. Cancelled rounds are asked about alone, never among others.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func
from sqlalchemy.orm import Session, aliased

from app.models import (
    Answer,
    Checkpoint,
    Choice,
    Group,
    Pair,
    PairState,
    Round,
    RoundKind,
    RoundState,
    Sample,
    Sampler,
    UserKind,
)
from app.services import preferences
from app.services.evaluation_views import Policy


@dataclass(frozen=True)
class Comparison:
    """How two policies fared against each other, over all rounds that compared them: `policy` is the newer."""

    policy: Policy
    other: Policy
    wins: int
    other_wins: int
    ties: int


@dataclass(frozen=True)
class Tally:
    """How often people answered what, seen from one of the two policies."""

    wins: int = 0
    other_wins: int = 0
    ties: int = 0
    both_bad: int = 0
    skips: int = 0

    @property
    def turned(self) -> "Tally":
        """The same, seen from the other policy."""
        return Tally(self.other_wins, self.wins, self.ties, self.both_bad, self.skips)


def comparisons(session: Session, study_id: int, *, sampler: Sampler | None = None) -> list[Comparison]:
    """The decided choices of the study's evaluation rounds by pair of policies, in the order of the policies; pairs of
    policies that nobody decided between are left out. With `sampler`, of pictures drawn by it alone. One query."""
    one, other = aliased(Checkpoint), aliased(Checkpoint)
    where = [Round.study_id == study_id, Round.state != RoundState.CANCELLED]
    if sampler is not None:
        where.append(Group.sampler == sampler)
    rows = session.execute(
        said(*where)
        .outerjoin(one, one.id == Round.checkpoint_id)
        .outerjoin(other, other.id == Round.other_checkpoint_id)
        .with_only_columns(one.id, one.number, other.id, other.number, *counts())
        .group_by(one.id, other.id)
    )
    found: dict[tuple[Policy, Policy], list[Tally]] = {}
    for one_id, one_number, other_id, other_number, *counted in rows:
        policies, tally = (Policy(one_id, one_number or 0), Policy(other_id, other_number or 0)), Tally(*counted)
        if policies[0].number < policies[1].number:
            policies, tally = policies[::-1], tally.turned
        found.setdefault(policies, []).append(tally)
    summed = [
        Comparison(
            policy, rival, sum(t.wins for t in tallies), sum(t.other_wins for t in tallies),
            sum(t.ties for t in tallies),
        )
        for (policy, rival), tallies in found.items()
    ]  # fmt: skip
    decided = [comparison for comparison in summed if comparison.wins + comparison.other_wins + comparison.ties]
    return sorted(decided, key=lambda comparison: (comparison.policy.number, comparison.other.number))


def said(*where: ColumnElement[bool]) -> Select[Any]:
    """The choices of people that count in evaluation rounds, `Choice` joined to its `Pair`, `Round` and `Group`, and to
    `Sample` as the first of the pair."""
    of_people = preferences.speaking_in(and_(*where), Round.study_id, [UserKind.PERSON])
    return (
        of_people.join(Round, Round.id == Pair.round_id)
        .join(Group, Group.id == Pair.group_id)
        .join(Sample, Sample.id == Pair.first_id)
        .where(Round.kind == RoundKind.EVALUATION, Pair.state != PairState.VOID)
    )


def counts() -> list[ColumnElement[int]]:
    """The columns of a `Tally` over `said`, seen from the policy that the round names first."""
    first_is_one = Sample.checkpoint_id.is_not_distinct_from(Round.checkpoint_id)
    won = case((first_is_one, Answer.FIRST.value), else_=Answer.SECOND.value)
    lost = case((first_is_one, Answer.SECOND.value), else_=Answer.FIRST.value)
    return [
        func.count().filter(Choice.answer == answer) for answer in (won, lost, Answer.TIE, Answer.BOTH_BAD, Answer.SKIP)
    ]
