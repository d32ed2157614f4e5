"""All policies of a study that people compared, ranked by how often they were preferred. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.services import bradley_terry, evaluation_results
from app.services.bradley_terry import Match, Strength
from app.services.evaluation_views import Policy


@dataclass(frozen=True)
class Rate:
    """How often a policy is expected to be preferred to the base, with its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """One policy's place in the ranking, 1 the best, with its strength and what that means against the base."""

    place: int
    policy: Policy
    strength: Strength
    rate: Rate


@dataclass(frozen=True)
class Ranking:
    """`standings` from the best on, the base among them. `apart` were compared, but no chain of comparisons leads from
    them to the base. `choices` are those that were decided."""

    standings: Sequence[Standing]
    apart: Sequence[Policy]
    choices: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is told of anyone against the base."""
        return len(self.standings) < 2

    @property
    def compared(self) -> set[int]:
        """The numbers of all policies that were compared with any."""
        return {one.policy.number for one in self.standings if one.strength.choices} | {p.number for p in self.apart}


def of_study(session: Session, study_id: int) -> Ranking:
    """The ranking by all evaluation rounds of the study. One query."""
    found = evaluation_results.comparisons(session, study_id)
    policies = {policy.number: policy for one in found for policy in (one.policy, one.other)}
    policies.setdefault(0, Policy(None, 0))
    matches = [
        Match(one.policy.number, one.other.number, one.tally.wins, one.tally.other_wins, one.tally.ties)
        for one in found
    ]
    fit = bradley_terry.fit(matches, base=0)
    best_first = sorted(fit.strengths, key=lambda strength: -strength.value)
    return Ranking(
        [Standing(place, policies[s.player], s, _rate(s)) for place, s in enumerate(best_first, start=1)],
        [policies[number] for number in fit.apart],
        sum(match.wins + match.other_wins + match.ties for match in matches),
    )


def _rate(strength: Strength) -> Rate:
    return Rate(*(bradley_terry.chance(value) for value in (strength.value, strength.low, strength.high)))
