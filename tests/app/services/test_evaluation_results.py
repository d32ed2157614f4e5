from collections.abc import Sequence

import pytest
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Answer, PairState, Purpose, RoundState, Sampler, UserKind
from app.services import evaluation_results
from app.services.evaluation_results import Comparison, Result, Tally, Verdict
from app.services.evaluation_views import Policy
from app.services.measures import Share
from tests import builders
from tests.comparisons import ONE, OTHER, checkpoint, comparison, judged


def figures(comparisons: Sequence[Comparison]) -> list[tuple[int, int, int, int, int]]:
    return [(c.policy.number, c.other.number, c.tally.wins, c.tally.other_wins, c.tally.ties) for c in comparisons]


def test_choices_of_all_evaluation_rounds_are_summed_by_policies_whatever_their_order(db: Session) -> None:
    study = builders.study(db)
    first, second = checkpoint(db, study), checkpoint(db, study)
    against_base = comparison(db, study, first.id, None)
    judged(db, against_base, ONE, ONE, OTHER, Answer.TIE)
    judged(db, against_base, ONE, Answer.BOTH_BAD, Answer.SKIP, one_first=False)
    turned = comparison(db, study, None, first.id, state=RoundState.COMPLETE)
    judged(db, turned, OTHER, one_first=False)
    judged(db, turned, ONE)
    judged(db, comparison(db, study, second.id, first.id), OTHER, OTHER)
    judged(db, comparison(db, study, second.id, None), Answer.SKIP)
    found = evaluation_results.comparisons(db, study.id)
    assert figures(found) == [(1, 0, 4, 2, 1), (2, 1, 0, 2, 0)]
    assert (found[0].policy, found[0].other) == (Policy(first.id, 1), Policy(None, 0))


def test_only_counted_standing_choices_of_people_in_comparisons_that_were_not_cancelled_count(db: Session) -> None:
    study = builders.study(db)
    made = checkpoint(db, study)
    round_ = comparison(db, study, made.id, None)
    judged(db, round_, ONE)
    judged(db, round_, OTHER, undone_at=builders.now())
    judged(db, round_, OTHER, user_id=builders.user(db, kind=UserKind.JUDGE).id)
    repeated = builders.lease(db, pair_id=judged(db, round_).id, purpose=Purpose.REPEAT)
    builders.choice(db, lease_id=repeated.id)
    judged(db, round_, OTHER).state = PairState.VOID
    judged(db, comparison(db, study, made.id, None, state=RoundState.CANCELLED), OTHER)
    preference = builders.pair(db, round_id=builders.round_(db, study_id=study.id).id)
    builders.choice(db, pair_id=preference.id)
    assert figures(evaluation_results.comparisons(db, study.id)) == [(1, 0, 1, 0, 0)]
    assert evaluation_results.comparisons(db, builders.study(db).id) == []


def test_comparisons_can_be_asked_for_by_how_the_pictures_were_drawn(db: Session) -> None:
    study = builders.study(db)
    round_ = comparison(db, study, checkpoint(db, study).id, None)
    judged(db, round_, ONE, ONE, sampler=Sampler.STUDY)
    judged(db, round_, OTHER, sampler=Sampler.DDIM)
    assert figures(evaluation_results.comparisons(db, study.id, sampler=Sampler.DDIM)) == [(1, 0, 0, 1, 0)]
    assert figures(evaluation_results.comparisons(db, study.id, sampler=Sampler.STUDY)) == [(1, 0, 2, 0, 0)]


def result(wins: int, other_wins: int, ties: int = 0) -> Result:
    tally = Tally(wins, other_wins, ties, both_bad=3, skips=2)
    return Result(Policy(7, 1), Policy(None, 0), Sampler.STUDY, tally)


def test_a_tie_is_half_a_choice_for_each_and_what_decides_nothing_is_not_in_the_rate() -> None:
    rate = result(6, 2, 4).tally.rate
    assert (rate.value, rate.of) == (8 / 12, 12)
    low, high = Share(8, 12).interval  # as of eight wins of twelve
    assert rate.interval == (low, high)
    assert result(6, 2, 4).tally.turned == Tally(2, 6, 4, 3, 2)


@pytest.mark.parametrize(("wins", "other_wins", "ties"), [(3, 2, 0), (11, 9, 0), (6, 4, 5), (1, 0, 0), (140, 120, 30)])
def test_so_many_more_choices_settle_it_at_the_same_share_and_none_fewer(wins, other_wins, ties) -> None:
    found = result(wins, other_wins, ties)
    assert (found.verdict, found.better) == (Verdict.OPEN, None)
    rate, more = found.tally.rate, found.more
    assert more is not None
    assert Share(rate.value * (rate.of + more), rate.of + more).excludes(0.5)
    assert not Share(rate.value * (rate.of + more - 1), rate.of + more - 1).excludes(0.5)


def test_how_sure_a_comparison_is() -> None:
    assert (result(0, 0).verdict, result(0, 0).more, result(0, 0).tally.rate.value) == (Verdict.NOTHING, None, None)
    settled = result(80, 20)
    assert (settled.verdict, settled.more, settled.better) == (Verdict.SETTLED, 0, settled.policy)
    assert result(20, 80).better == Policy(None, 0)
    assert (result(5, 5).verdict, result(5, 5).more) == (Verdict.CLOSE, None)
    assert result(2502, 2498).verdict is Verdict.CLOSE  # 50.04 %: six million more
    assert result(53, 47).more == 968  # (0.53 - 0.5)^2 > z^2 / 4n from n = 1068 on


def test_the_result_of_a_round_is_of_that_round_seen_from_its_first_policy(db: Session) -> None:
    study = builders.study(db)
    made = checkpoint(db, study)
    round_ = comparison(db, study, None, made.id)
    judged(db, round_, ONE, OTHER, OTHER, Answer.TIE, Answer.BOTH_BAD, one_first=False)
    judged(db, comparison(db, study, None, made.id), ONE)
    found = evaluation_results.of_round(db, round_.id)
    assert (found.policy, found.other) == (Policy(None, 0), Policy(made.id, 1))
    assert found.tally == Tally(wins=1, other_wins=2, ties=1, both_bad=1)


def test_a_preference_round_has_no_result(db: Session) -> None:
    with pytest.raises(NotFound, match="preference round"):
        evaluation_results.of_round(db, builders.round_(db).id)
    with pytest.raises(NotFound):
        evaluation_results.of_round(db, 10**9)
