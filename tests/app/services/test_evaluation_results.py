from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.models import Answer, PairState, Purpose, RoundState, Sampler, UserKind
from app.services import evaluation_results
from app.services.evaluation_results import Comparison
from app.services.evaluation_views import Policy
from tests import builders
from tests.comparisons import ONE, OTHER, checkpoint, comparison, judged


def figures(comparisons: Sequence[Comparison]) -> list[tuple[int, int, int, int, int]]:
    return [(c.policy.number, c.other.number, c.wins, c.other_wins, c.ties) for c in comparisons]


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
