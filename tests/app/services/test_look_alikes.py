from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Pair, PairState, Round, RoundState, Sample, Study, UserKind
from app.services import dealing, labeling_views, round_views, samples, studies, study_views, totals
from tests import builders

Distances = Callable[..., list[Pair]]


@pytest.fixture
def study(db: Session) -> Study:
    return builders.study(db)


@pytest.fixture
def round_(db: Session, study: Study) -> Round:
    return builders.round_(db, study_id=study.id)


@pytest.fixture
def pairs(db: Session, round_: Round) -> list[Pair]:
    """Pairs of the round at distances 0.001, 0.02, 0.2, and one that nobody measured."""
    return [builders.pair(db, round_id=round_.id, distance=distance) for distance in (0.001, 0.02, 0.2, None)]


def leave_out(db: Session, study: Study, below: float) -> None:
    studies.change_labeling(db, study_id=study.id, labeling={"alike_below": below}, actor=None)
    db.expire_all()


def stands(pairs: list[Pair]) -> list[tuple[str, bool]]:
    return [(pair.state.value, pair.alike) for pair in pairs]


def test_pairs_nearer_than_the_setting_are_left_out_and_taken_in_again(
    db: Session, study: Study, pairs: list[Pair]
) -> None:
    leave_out(db, study, 0.01)
    assert stands(pairs) == [("void", True), ("open", False), ("open", False), ("open", False)]
    leave_out(db, study, 0.1)
    assert stands(pairs) == [("void", True), ("void", True), ("open", False), ("open", False)]
    leave_out(db, study, 0.01)
    assert stands(pairs) == [("void", True), ("open", False), ("open", False), ("open", False)]
    leave_out(db, study, 0)
    assert stands(pairs) == [("open", False)] * 4


def test_nobody_is_shown_a_pair_that_is_left_out(db: Session, study: Study, pairs: list[Pair]) -> None:
    leave_out(db, study, 0.1)
    for someone in (builders.user(db), builders.user(db, kind=UserKind.JUDGE)):
        dealt = dealing.deal(db, study_id=study.id, user=someone, count=5).pairs
        assert {pair.pair_id for pair in dealt} == {pairs[2].id, pairs[3].id}


def test_a_pair_that_someone_was_shown_stays(db: Session, study: Study, pairs: list[Pair]) -> None:
    builders.lease(db, pair_id=pairs[0].id)
    leave_out(db, study, 0.1)
    assert stands(pairs)[:2] == [("open", False), ("void", True)]


def test_a_pair_whose_picture_was_lost_is_not_taken_in(db: Session, study: Study, pairs: list[Pair]) -> None:
    leave_out(db, study, 0.1)
    samples.lose(db, [pairs[0].first_id])
    leave_out(db, study, 0)
    assert stands(pairs)[:2] == [("void", True), ("open", False)]


def test_rounds_that_ask_no_more_stay_as_they_are(db: Session, study: Study, round_: Round, pairs: list[Pair]) -> None:
    round_.state = RoundState.TRAINING
    db.flush()
    leave_out(db, study, 0.1)
    assert stands(pairs) == [("open", False)] * 4


def test_the_round_counts_them_apart_from_lost_ones(
    db: Session, study: Study, round_: Round, pairs: list[Pair]
) -> None:
    leave_out(db, study, 0.1)
    lost = builders.pair(db, round_id=round_.id)
    samples.lose(db, [lost.first_id])
    totals.refresh(db, round_)
    round_.groups = 8
    db.flush()

    (line,) = study_views.round_lines(db, Round.id == round_.id)
    assert (line.pairs_planned, line.pairs_alike) == (6, 2)
    shown = labeling_views.labeling(db, round_views.head(db, round_.id))
    assert (shown.pairs, shown.pairs_planned, shown.pairs_alike, shown.pairs_void) == (5, 6, 2, 1)
    assert shown.places_left == 2 + 3
    assert db.scalars(select(Sample.state).where(Sample.id == pairs[0].first_id)).one() == "ready"
    assert pairs[0].state is PairState.VOID
