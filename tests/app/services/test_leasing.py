"""Warm-up, gold and hidden repeats: what is dealt besides pairs that count, and that nobody can tell."""

from collections import Counter
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Answer, Choice, Lease, Pair, PairState, Purpose, Round, RoundState, Study, User, UserKind
from app.services import choices, dealing, gold, participations, samples
from app.services.dealing import DealtPair
from tests import builders


def make_study(session: Session, *, pairs: int, known: int = 0, **labeling: object) -> Study:
    """A study in labeling, with pairs of a finished round whose answer an admin set (`first`)."""
    study = builders.study(session, settings=builders.settings(labeling=labeling))
    if known:
        finished = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
        for _ in range(known):
            pair = builders.pair(session, round_id=finished.id, state=PairState.CLOSED)
            gold.set_answer(session, pair_id=pair.id, answer=Answer.FIRST, actor=None)
    round_ = builders.round_(session, study_id=study.id)
    for _ in range(pairs):
        builders.pair(session, round_id=round_.id)
    return study


def deal(session: Session, study: Study, user: User, count: int = 1) -> list[DealtPair]:
    return dealing.deal(session, study_id=study.id, user=user, count=count).pairs


def answer(session: Session, user: User, pair: DealtPair, said: Answer = Answer.FIRST) -> Choice:
    return choices.record(
        session, pair_id=pair.pair_id, user=user, answer=said, key=uuid4(), lease_id=pair.lease_id, response_ms=500
    )


def work(session: Session, study: Study, user: User, most: int = 1000, ahead: int = 3) -> list[Lease]:
    """Answer what is dealt, as the page does; the leases in the order in which they were answered."""
    leases = []
    while len(leases) < most and (dealt := deal(session, study, user, ahead)):
        answer(session, user, dealt[0])
        leases.append(session.get_one(Lease, dealt[0].lease_id))
    return leases


def purposes(leases: list[Lease]) -> Counter[Purpose]:
    return Counter(lease.purpose for lease in leases)


def test_the_warm_up_comes_first_and_is_not_counted(db: Session) -> None:
    study, user = make_study(db, pairs=4, known=5, warm_up=2), builders.user(db)
    assert [pair.warm_up for pair in deal(db, study, user, 3)] == [True, True, False]
    leases = work(db, study, user)
    assert [lease.purpose for lease in leases] == [Purpose.WARM_UP] * 2 + [Purpose.COUNTED] * 4
    assert [lease.expected for lease in leases[:2]] == [Answer.FIRST] * 2
    assert participations.of(db, study_id=study.id, user=user).warmed_up_at is not None
    shown = [db.get_one(Pair, lease.pair_id, populate_existing=True) for lease in leases[:2]]
    assert [pair.filled for pair in shown] == [0, 0]


def test_where_no_answer_is_known_there_is_no_warm_up_and_no_gold(db: Session) -> None:
    study, user = make_study(db, pairs=6, warm_up=2, gold_share=0.5), builders.user(db)
    assert purposes(work(db, study, user)) == {Purpose.COUNTED: 6}
    assert participations.of(db, study_id=study.id, user=user).warmed_up_at is not None


def test_a_warm_up_that_was_left_goes_on_where_it_was(db: Session) -> None:
    study, user = make_study(db, pairs=2, known=9, warm_up=3), builders.user(db)
    before = deal(db, study, user, 5)
    answer(db, user, before[0])
    dealing.give_back(db, user=user, lease_ids=[pair.lease_id for pair in before])
    after = deal(db, study, user, 4)
    assert {pair.pair_id for pair in after} == {pair.pair_id for pair in before[1:]}
    assert [pair.warm_up for pair in after] == [True, True, False, False]


@pytest.mark.parametrize("ahead", [1, 4])
def test_gold_and_repeats_come_at_the_shares_that_the_study_asks_for(db: Session, ahead: int) -> None:
    study, user = make_study(db, pairs=60, known=40, gold_share=0.2, repeat_share=0.2), builders.user(db)
    found = purposes(work(db, study, user, ahead=ahead))
    assert found[Purpose.COUNTED] == 60
    # 20 of each are expected, with a deviation of 5; the draws hang on the rows' ids, so no seed holds them still. All
    # known answers may be used up, and a repeat waits for ten answers.
    assert 3 <= found[Purpose.GOLD] <= 40
    assert 2 <= found[Purpose.REPEAT] <= 45


def test_nothing_is_shown_twice_but_a_repeat_once_with_its_sides_exchanged_and_ten_answers_later(db: Session) -> None:
    study, user = make_study(db, pairs=30, known=12, warm_up=2, gold_share=0.2, repeat_share=0.3), builders.user(db)
    leases = work(db, study, user)
    first_shown: dict[int, int] = {}
    for number, lease in enumerate(leases):
        if lease.purpose is not Purpose.REPEAT:
            assert lease.pair_id not in first_shown
            first_shown[lease.pair_id] = number
            continue
        before = leases[first_shown[lease.pair_id]]
        assert before.purpose is Purpose.COUNTED
        assert number - first_shown[lease.pair_id] > 10
        assert lease.first_on_left != before.first_on_left
    repeated = [lease.pair_id for lease in leases if lease.purpose is Purpose.REPEAT]
    assert len(repeated) == len(set(repeated)) > 0


def test_a_repeat_is_of_an_answer_and_never_of_a_skip(db: Session) -> None:
    study, user = make_study(db, pairs=30, repeat_share=0.5), builders.user(db)
    for _ in range(20):
        answer(db, user, deal(db, study, user)[0], Answer.SKIP)
    assert Purpose.REPEAT not in purposes(list(db.scalars(select(Lease).where(Lease.user_id == user.id))))


@pytest.mark.parametrize("seed", range(3))
def test_a_reload_gives_the_same_pairs_whatever_they_are(db: Session, seed: int) -> None:
    study = make_study(db, pairs=40, known=20, warm_up=1, gold_share=0.3, repeat_share=0.3)
    user = builders.user(db)
    work(db, study, user, most=6 + 9 * seed)
    before = deal(db, study, user, 4)
    assert deal(db, study, user, 4) == before  # another tab
    dealing.give_back(db, user=user, lease_ids=[pair.lease_id for pair in before])
    after = deal(db, study, user, 4)
    assert {pair.lease_id for pair in after} == {pair.lease_id for pair in before}
    assert {(pair.pair_id, pair.left) for pair in after} == {(pair.pair_id, pair.left) for pair in before}


def test_without_a_pair_that_counts_nothing_hidden_is_shown_either(db: Session) -> None:
    study, user = make_study(db, pairs=0, known=9, gold_share=0.5, repeat_share=0.5), builders.user(db)
    assert dealing.deal(db, study_id=study.id, user=user, count=5).reason == "done"


def test_a_judge_is_shown_what_counts_and_nothing_else(db: Session) -> None:
    study = make_study(db, pairs=10, known=4, warm_up=2, gold_share=0.5, repeat_share=0.5, counted="judges")
    assert purposes(work(db, study, builders.user(db, kind=UserKind.JUDGE))) == {Purpose.COUNTED: 10}


def test_a_gold_pair_offers_what_the_study_asks_now_whatever_its_round_did(db: Session) -> None:
    study, user = make_study(db, pairs=3, known=3, warm_up=1, allow_tie=False), builders.user(db)
    finished = db.scalars(select(Round).where(Round.state == RoundState.COMPLETE, Round.study_id == study.id)).one()
    finished.settings = builders.settings(labeling={"allow_skip": False})
    [warm_up, counted] = deal(db, study, user, 2)
    assert warm_up.answers == counted.answers == ["first", "second", "both_bad", "skip"]
    assert answer(db, user, warm_up, Answer.SKIP).answer is Answer.SKIP


def test_a_lost_picture_is_shown_in_no_warm_up(db: Session) -> None:
    study, user = make_study(db, pairs=2, known=1, warm_up=1), builders.user(db)
    known = db.scalars(select(Pair).where(Pair.state == PairState.CLOSED)).one()
    samples.lose(db, [known.first_id])
    assert [pair.warm_up for pair in deal(db, study, user, 5)] == [False, False]
