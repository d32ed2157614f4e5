from datetime import timedelta

from app.models import Hold, PairState, RoundState, RoundTotals
from app.services import totals, waiting
from tests import builders


def left(db, study, user):
    assert {s.id: s.pairs for s in waiting.for_user(db, user)}[study.id] == waiting.pairs_left(
        db, study_id=study.id, user=user
    )
    return waiting.pairs_left(db, study_id=study.id, user=user)


def swept(db, round_):
    """Count the round as the sweep does, a moment before whatever happens next in the test."""
    totals.refresh(db, round_)
    db.get_one(RoundTotals, round_.id).refreshed_at = builders.now() - timedelta(minutes=1)
    db.flush()


def test_open_pairs_wait_until_i_have_answered_them(db):
    study, me, other = builders.study(db), builders.user(db), builders.user(db)
    round_ = builders.round_(db, study_id=study.id)
    first, _ = builders.pair(db, round_id=round_.id), builders.pair(db, round_id=round_.id)
    swept(db, round_)
    builders.choice(db, pair_id=first.id, user_id=other.id)
    assert left(db, study, me) == 2
    choice = builders.choice(db, pair_id=first.id, user_id=me.id)
    assert left(db, study, me) == 1
    choice.undone_at = builders.now()
    db.flush()
    assert left(db, study, me) == 2


def test_what_i_answered_before_the_last_sweep_does_not_wait_while_its_pair_is_open_for_others(db):
    study, me, other = builders.study(db), builders.user(db), builders.user(db)
    round_ = builders.round_(db, study_id=study.id)
    mine, closed, _ = (builders.pair(db, round_id=round_.id) for _ in range(3))
    long_ago = builders.now() - timedelta(hours=1)
    for pair in (mine, closed):
        builders.choice(db, pair_id=pair.id, user_id=me.id, made_at=long_ago)
        pair.filled = 1
    closed.state, closed.closed_at = PairState.CLOSED, long_ago
    db.flush()
    swept(db, round_)
    assert (left(db, study, me), left(db, study, other)) == (1, 2)


def test_closed_and_void_pairs_and_rounds_that_are_not_labeled_do_not_wait(db):
    study, me = builders.study(db), builders.user(db)
    round_ = builders.round_(db, study_id=study.id)
    for state in (PairState.CLOSED, PairState.VOID):
        builders.pair(db, round_id=round_.id, state=state)
    swept(db, round_)
    assert left(db, study, me) == 0
    builders.pair(db, round_id=round_.id)
    swept(db, round_)
    assert left(db, study, me) == 1
    round_.hold = Hold.PAUSED
    db.flush()
    assert left(db, study, me) == 0
    round_.hold, round_.state = Hold.NONE, RoundState.TRAINING
    db.flush()
    assert left(db, study, me) == 0


def test_studies_with_the_most_pairs_come_first_and_archived_ones_not_at_all(db):
    me = builders.user(db)
    full, empty = builders.study(db), builders.study(db)
    builders.study(db, archived_at=builders.now())
    builders.pair(db, round_id=builders.round_(db, study_id=full.id).id)
    assert [study.id for study in waiting.for_user(db, me)] == [full.id, empty.id]
