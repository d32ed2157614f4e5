import threading
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.models import (
    Answer,
    Hold,
    JobState,
    Lease,
    Pair,
    PairState,
    Purpose,
    Round,
    RoundKind,
    Sample,
    SampleState,
    Study,
    User,
    UserKind,
)  # fmt: skip
from app.services import choices, dealing, samples
from app.services.dealing import Deal, DealtPair
from app.services.sides import left_side
from tests import builders


def make_round(session: Session, pairs: int, **labeling: object) -> Round:
    study = builders.study(session, settings=builders.settings(labeling=labeling))
    round_ = builders.round_(session, study_id=study.id)
    for _ in range(pairs):
        builders.pair(session, round_id=round_.id)
    return round_


def deal(session: Session, round_: Round, user: User, count: int = 1) -> Deal:
    return dealing.deal(session, study_id=round_.study_id, user=user, count=count)


def answer(session: Session, user: User, pair: DealtPair, said: Answer = Answer.FIRST) -> None:
    choices.record(
        session, pair_id=pair.pair_id, user=user, answer=said, key=uuid4(), lease_id=pair.lease_id, response_ms=500
    )


def run_out(session: Session, user: User) -> None:
    session.execute(update(Lease).where(Lease.user_id == user.id).values(expires_at=func.now() - timedelta(seconds=1)))
    session.expire_all()


def test_asked_twice_the_same_pairs_are_given(db: Session) -> None:
    round_, user = make_round(db, 6), builders.user(db)
    first = deal(db, round_, user, 3).pairs
    assert deal(db, round_, user, 3).pairs == first
    assert deal(db, round_, user, 5).pairs[:3] == first
    assert deal(db, round_, user, 1).pairs == first[:1]


def test_two_people_are_not_given_the_last_place_of_a_pair(db: Session) -> None:
    round_ = make_round(db, 1)
    assert len(deal(db, round_, builders.user(db)).pairs) == 1
    waiting = deal(db, round_, builders.user(db))
    assert (waiting.pairs, waiting.reason) == ([], "held")
    assert waiting.until is not None
    assert waiting.until > builders.now()


def test_a_lease_that_ran_out_frees_the_pair_and_is_renewed_in_place(db: Session) -> None:
    round_, absent, other = make_round(db, 1), builders.user(db), builders.user(db)
    [before] = deal(db, round_, absent).pairs
    run_out(db, absent)
    [taken] = deal(db, round_, other).pairs
    assert taken.pair_id == before.pair_id
    run_out(db, other)
    [again] = deal(db, round_, absent).pairs
    assert again.lease_id == before.lease_id


def test_a_choice_after_its_lease_is_kept(db: Session) -> None:
    round_, absent, other = make_round(db, 1), builders.user(db), builders.user(db)
    [pair] = deal(db, round_, absent).pairs
    run_out(db, absent)
    answer(db, other, deal(db, round_, other).pairs[0])
    answer(db, absent, pair, Answer.SECOND)
    assert db.get_one(Pair, pair.pair_id).filled == 2


def test_nobody_sees_a_pair_twice(db: Session) -> None:
    round_, user = make_round(db, 3, choices_per_pair=2), builders.user(db)
    seen = []
    while pairs := deal(db, round_, user).pairs:
        seen.append(pairs[0].pair_id)
        answer(db, user, pairs[0])
    assert len(seen) == len(set(seen)) == 3
    assert deal(db, round_, user).reason == "done"


def test_pairs_closest_to_completion_come_first(db: Session) -> None:
    round_, one, two = make_round(db, 3, choices_per_pair=2), builders.user(db), builders.user(db)
    last = deal(db, round_, one, 3).pairs[2]
    answer(db, one, last)
    assert deal(db, round_, two).pairs[0].pair_id == last.pair_id


def test_the_side_is_the_same_after_a_reload_and_the_other_for_a_repeat() -> None:
    sides = [left_side(user, pair, Purpose.COUNTED) for user in range(20) for pair in range(20)]
    assert sides == [left_side(user, pair, Purpose.COUNTED) for user in range(20) for pair in range(20)]
    assert 150 < sides.count("first") < 250
    repeats = [left_side(user, pair, Purpose.REPEAT) for user in range(20) for pair in range(20)]
    assert all(side != repeat for side, repeat in zip(sides, repeats, strict=True))


def test_a_paused_round_says_so(db: Session) -> None:
    round_, user = make_round(db, 2), builders.user(db)
    deal(db, round_, user)
    round_.hold = Hold.PAUSED
    db.flush()
    assert deal(db, round_, user) == Deal([], "paused", None)


def test_while_pictures_are_being_drawn_no_reason_is_given(db: Session) -> None:
    round_, user = make_round(db, 0), builders.user(db)
    job = builders.job(db, study_id=round_.study_id, round_id=round_.id)
    assert deal(db, round_, user) == Deal([], None, None)
    job.state = JobState.DONE
    db.flush()
    assert deal(db, round_, user).reason == "done"


def test_a_lost_picture_is_shown_to_nobody(db: Session) -> None:
    round_, user = make_round(db, 1), builders.user(db)
    [pair] = deal(db, round_, user).pairs
    samples.lose(db, [pair.second.sample_id])
    db.expire_all()
    assert db.get_one(Sample, pair.second.sample_id).state == SampleState.LOST
    assert db.get_one(Pair, pair.pair_id).state == PairState.VOID
    assert deal(db, round_, user).pairs == []


def test_leases_are_renewed_and_given_back_by_their_owner_only(db: Session) -> None:
    round_, user, other = make_round(db, 1), builders.user(db), builders.user(db)
    [pair] = deal(db, round_, user).pairs
    dealing.give_back(db, user=other, lease_ids=[pair.lease_id])
    assert deal(db, round_, other).reason == "held"
    assert dealing.renew(db, user=user, lease_ids=[pair.lease_id]) > builders.now()
    dealing.give_back(db, user=user, lease_ids=[pair.lease_id])
    db.expire_all()
    assert len(deal(db, round_, other).pairs) == 1


def test_a_page_that_was_left_ends_no_lease_that_another_page_was_shown_since(db: Session) -> None:
    round_, user, other = make_round(db, 1), builders.user(db), builders.user(db)
    [pair] = deal(db, round_, user).pairs
    before_the_reload = pair.expires_at - timedelta(seconds=1)
    dealing.give_back(db, user=user, lease_ids=[pair.lease_id], until=before_the_reload)
    assert deal(db, round_, other).reason == "held"
    dealing.give_back(db, user=user, lease_ids=[pair.lease_id], until=pair.expires_at)
    assert len(deal(db, round_, other).pairs) == 1


def test_answers_offered_are_the_studys(db: Session) -> None:
    round_ = make_round(db, 1, allow_tie=False, allow_skip=False)
    assert deal(db, round_, builders.user(db)).pairs[0].answers == ["first", "second", "both_bad"]


def test_a_judge_that_does_not_count_takes_no_place(db: Session) -> None:
    round_, judge, person = make_round(db, 1), builders.user(db, kind=UserKind.JUDGE), builders.user(db)
    [pair] = deal(db, round_, judge).pairs
    answer(db, judge, pair)
    assert db.get_one(Pair, pair.pair_id).filled == 0
    answer(db, person, deal(db, round_, person).pairs[0])
    assert db.get_one(Pair, pair.pair_id).state == PairState.CLOSED
    assert deal(db, round_, judge).reason == "done"


@pytest.mark.parametrize(("share", "kind"), [(0.0, RoundKind.PREFERENCE), (1.0, RoundKind.EVALUATION)])
def test_open_rounds_share_the_dealing(db: Session, share: float, kind: RoundKind) -> None:
    round_ = make_round(db, 1, evaluation_share=share)
    comparison = builders.round_(db, study_id=round_.study_id, kind=RoundKind.EVALUATION)
    builders.pair(db, round_id=comparison.id)
    user = builders.user(db)
    one, two = deal(db, round_, user, 2).pairs
    kinds = [db.get_one(Round, db.get_one(Pair, p.pair_id).round_id).kind for p in (one, two)]
    assert kinds[0] == kind
    assert set(kinds) == {RoundKind.PREFERENCE, RoundKind.EVALUATION}


def test_fifteen_people_at_once_never_overfill_a_pair(sessions: sessionmaker[Session]) -> None:
    people, pairs, places = 15, 24, 2
    with transaction(sessions) as session:
        round_ = make_round(session, pairs, choices_per_pair=places)
        study_id = round_.study_id
        users = [builders.user(session) for _ in range(people)]
    failures: list[BaseException] = []

    def label(user: User) -> None:
        try:
            while True:
                with transaction(sessions) as session:
                    dealt = dealing.deal(session, study_id=study_id, user=user, count=3).pairs
                if not dealt:
                    return
                for pair in dealt:
                    with transaction(sessions) as session:
                        answer(session, user, pair)
        except BaseException as error:  # noqa: BLE001 -- handed to the test
            failures.append(error)

    threads = [threading.Thread(target=label, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with transaction(sessions) as session:
        filled = Counter(session.scalars(select(Pair.filled)))
        assert session.get_one(Study, study_id) is not None
    assert filled == {places: pairs}
