"""What people chose in evaluation rounds: which of two policies they prefer, and how sure that is. Read-only.

The rate of a policy over another is the share of decided choices for its picture, a tie being half a choice for each;
`both_bad` and `skip` decide nothing. Its interval takes each choice for one made independently of all others.

Choices count here that stand, were made by people who are not left out, and on pairs that are not void; a choice that
came after its round had ended is one like any other. Cancelled rounds are asked about alone, never among others.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session, aliased

from app.errors import NotFound
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
    User,
    UserKind,
)
from app.services import preferences
from app.services.evaluation_views import Policy
from app.services.measures import Z95, Share

MOST_MORE = 10_000  # choices: a comparison that needs more is too close to be settled


@dataclass(frozen=True)
class Tally:
    """How often people answered what, seen from one of the two policies."""

    wins: int = 0
    other_wins: int = 0
    ties: int = 0
    both_bad: int = 0
    skips: int = 0

    @property
    def rate(self) -> Share:
        """The share of the decided choices that are for the policy."""
        return Share(self.wins + self.ties / 2, self.wins + self.other_wins + self.ties)

    @property
    def turned(self) -> "Tally":
        """The same, seen from the other policy."""
        return Tally(self.other_wins, self.wins, self.ties, self.both_bad, self.skips)

    @classmethod
    def sum_of(cls, tallies: Sequence["Tally"]) -> "Tally":
        """All of them together, seen from the same policy."""
        return cls(*(sum(column) for column in zip(*(astuple(tally) for tally in tallies), strict=True)))


@dataclass(frozen=True)
class Comparison:
    """How two policies fared against each other, over all rounds that compared them: `policy` is the newer, and `tally`
    is seen from it."""

    policy: Policy
    other: Policy
    tally: Tally

    def seen_from(self, number: int) -> tuple[Policy, Tally] | None:
        """Against whom the policy of this number was compared, and how it fared; none where it is neither."""
        if self.policy.number == number:
            return self.other, self.tally
        return (self.policy, self.tally.turned) if self.other.number == number else None


class Verdict(StrEnum):
    """What a comparison says."""

    NOTHING = "nothing"  # nobody has decided yet
    SETTLED = "settled"  # the interval excludes one half
    OPEN = "open"  # it does not yet
    CLOSE = "close"  # and will not with any sensible number of choices


@dataclass(frozen=True)
class Result:
    """What came out of one evaluation round so far, seen from `policy`."""

    policy: Policy
    other: Policy
    sampler: Sampler
    tally: Tally

    @property
    def more(self) -> int | None:
        """The smallest number of further choices with which the interval excludes one half if the share of those made
        so far holds; none where it is more than `MOST_MORE`, or where nobody has decided yet.

        A Wilson interval excludes one half where the share p of n lies so far from it that (p - 1/2)^2 > z^2 / (4 n).
        """
        rate = self.tally.rate
        if rate.value is None or rate.value == 0.5:
            return None
        if rate.excludes(0.5):
            return 0
        wanted = math.floor(Z95**2 / (4 * (rate.value - 0.5) ** 2)) + 1
        more = max(1, wanted - rate.of)
        return more if more <= MOST_MORE else None

    @property
    def verdict(self) -> Verdict:
        if self.tally.rate.of == 0:
            return Verdict.NOTHING
        if self.more is None:
            return Verdict.CLOSE
        return Verdict.OPEN if self.more else Verdict.SETTLED

    @property
    def better(self) -> Policy | None:
        """The policy that people prefer; none before that is settled."""
        if self.verdict is not Verdict.SETTLED:
            return None
        return self.policy if (self.tally.rate.value or 0) > 0.5 else self.other


def of_round(session: Session, round_id: int) -> Result:
    """The result of an evaluation round, also of one that was cancelled. Raises `NotFound`, for a preference
    round."""
    one, other = aliased(Checkpoint), aliased(Checkpoint)
    found = session.execute(
        select(Round, one.number, other.number)
        .outerjoin(one, one.id == Round.checkpoint_id)
        .outerjoin(other, other.id == Round.other_checkpoint_id)
        .where(Round.id == round_id)
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no round {round_id}.")
    round_, number, other_number = found
    if round_.sampler is None:
        raise NotFound(f"Round {round_id} compares nothing: it is a preference round.", "Name an evaluation round.")
    counted = tuple(session.execute(said(Round.id == round_id).with_only_columns(*counts())).one())
    return Result(
        Policy(round_.checkpoint_id, number or 0), Policy(round_.other_checkpoint_id, other_number or 0),
        round_.sampler, Tally(*counted),
    )  # fmt: skip


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
    summed = {policies: Tally.sum_of(tallies) for policies, tallies in found.items()}
    return [
        Comparison(policy, rival, tally)
        for (policy, rival), tally in sorted(summed.items(), key=lambda item: [policy.number for policy in item[0]])
        if tally.rate.of
    ]


def by_pair(session: Session, round_id: int, pair_ids: Sequence[int]) -> dict[int, Tally]:
    """What was said of these pairs of an evaluation round, by pair id; who has no choice is not in it."""
    rows = session.execute(
        said(Round.id == round_id, Pair.id.in_(pair_ids)).with_only_columns(Pair.id, *counts()).group_by(Pair.id)
    )
    return {pair_id: Tally(*counted) for pair_id, *counted in rows}


def by_person(session: Session, round_id: int, *, limit: int) -> list[tuple[int, str, Tally]]:
    """Who judged in an evaluation round, by id and name, with what they said; those of the most
    choices first."""
    rows = session.execute(
        said(Round.id == round_id)
        .with_only_columns(User.id, User.display_name, *counts())
        .group_by(User.id)
        .order_by(func.count().desc(), User.id)
        .limit(limit)
    )
    return [(user_id, name, Tally(*counted)) for user_id, name, *counted in rows]


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
