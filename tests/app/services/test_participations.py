import threading
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.errors import BadInput, NotFound
from app.models import Answer, Choice, Event, Pair, PairState, Participation, Purpose, Round, RoundState, User
from app.services import choices, dealing, participations, preference_export, preferences, round_moves
from app.services.pseudonyms import pseudonym
from tests import builders


def labeled(session: Session, *people: User, pairs: int = 2, **labeling: object) -> Round:
    """A round whose pairs all of these people answered, through the services."""
    study = builders.study(session, settings=builders.settings(labeling=labeling))
    round_ = builders.round_(session, study_id=study.id)
    for _ in range(pairs):
        builders.pair(session, round_id=round_.id)
    for person in people:
        for pair in dealing.deal(session, study_id=study.id, user=person, count=pairs).pairs:
            choices.record(
                session, pair_id=pair.pair_id, user=person, answer=Answer.FIRST, key=uuid4(), lease_id=pair.lease_id,
                response_ms=500,
            )  # fmt: skip
    return round_


def pairs_of(session: Session, round_: Round) -> list[tuple[int, PairState]]:
    rows = session.scalars(
        select(Pair).where(Pair.round_id == round_.id).order_by(Pair.id).execution_options(populate_existing=True)
    )
    return [(pair.filled, pair.state) for pair in rows]


def test_whoever_opens_a_study_twice_at_once_takes_part_once(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        study, user = builders.study(session), builders.user(session)
    barrier, found = threading.Barrier(4), []

    def open_it() -> None:
        with transaction(sessions) as session:
            barrier.wait()
            found.append(participations.of(session, study_id=study.id, user=user).id)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert len(set(found)) == 1


def test_who_is_paused_is_dealt_nothing_and_reads_why(db: Session) -> None:
    user, admin = builders.user(db), builders.user(db)
    round_ = labeled(db)
    [held] = dealing.deal(db, study_id=round_.study_id, user=user, count=1).pairs
    participations.pause(db, study_id=round_.study_id, user_id=user.id, reason="Let us talk first.", actor=admin)
    dealt = dealing.deal(db, study_id=round_.study_id, user=user, count=1)
    assert (dealt.pairs, dealt.reason, dealt.by_name, dealt.message) == ([], "paused", True, "Let us talk first.")
    assert held.pair_id in [p.pair_id for p in dealing.deal(db, study_id=round_.study_id, user=admin, count=2).pairs]
    participations.resume(db, study_id=round_.study_id, user_id=user.id, actor=admin)
    assert dealing.deal(db, study_id=round_.study_id, user=user, count=1).reason == "held"
    told = db.scalars(select(Event.what).where(Event.study_id == round_.study_id).order_by(Event.id)).all()
    assert told == ["participation.paused", "participation.resumed"]


def test_a_choice_of_someone_who_is_paused_is_kept_and_counts(db: Session) -> None:
    user = builders.user(db)
    round_ = labeled(db, pairs=1)
    [pair] = dealing.deal(db, study_id=round_.study_id, user=user, count=1).pairs
    participations.pause(db, study_id=round_.study_id, user_id=user.id, reason="", actor=None)
    choices.record(
        db, pair_id=pair.pair_id, user=user, answer=Answer.TIE, key=uuid4(), lease_id=pair.lease_id, response_ms=None
    )
    assert pairs_of(db, round_) == [(1, PairState.CLOSED)]


@pytest.mark.parametrize(
    ("right", "wrong", "paused"), [(7, 3, False), (6, 4, True), (6, 3, False)]
)  # fmt: skip
def test_too_few_right_gold_answers_pause_by_the_studys_own_rule(
    db: Session, right: int, wrong: int, paused: bool
) -> None:
    user = builders.user(db)
    round_ = labeled(db, pause_below=0.7, pause_after=10)
    answer_gold(db, round_, user, right=right, wrong=wrong)
    theirs = participations.of(db, study_id=round_.study_id, user=user)
    assert (theirs.paused_at is not None, theirs.paused_by_id) == (paused, None)


def test_an_admin_who_lets_them_go_on_forgives_the_gold_answers_from_before(db: Session) -> None:
    user, admin = builders.user(db), builders.user(db)
    round_ = labeled(db, pause_below=0.7, pause_after=2)
    answer_gold(db, round_, user, right=0, wrong=2)
    participations.resume(db, study_id=round_.study_id, user_id=user.id, actor=admin)
    participations.of(db, study_id=round_.study_id, user=user).gold_from = builders.now()
    answer_gold(db, round_, user, right=0, wrong=1)
    assert dealing.deal(db, study_id=round_.study_id, user=user, count=1).pairs != []


def test_what_someone_who_is_left_out_said_fills_no_place_and_counts_in_no_preference(db: Session) -> None:
    ada, mallory = builders.user(db), builders.user(db)
    round_ = labeled(db, ada, mallory, choices_per_pair=2)
    assert pairs_of(db, round_) == [(2, PairState.CLOSED)] * 2
    participations.leave_out(db, study_id=round_.study_id, user_id=mallory.id, actor=None)
    assert pairs_of(db, round_) == [(1, PairState.OPEN)] * 2
    assert [len(p.choices) for p in preferences.of_round(db, round_)] == [1, 1]
    told = preference_export.rows(db, round_.study_id, secret="s")
    assert len(told) == 2
    for row in told:
        assert row.votes == {"first": 1}
        assert [said.annotator for said in row.choices] == [pseudonym("s", round_.study_id, ada.id)]
    assert dealing.deal(db, study_id=round_.study_id, user=mallory, count=1).reason == "paused"


def test_places_that_are_open_again_are_filled_by_others_and_taking_back_overfills_them(db: Session) -> None:
    ada, mallory, grace = (builders.user(db) for _ in range(3))
    round_ = labeled(db, ada, mallory, pairs=1, choices_per_pair=2)
    participations.leave_out(db, study_id=round_.study_id, user_id=mallory.id, actor=None)
    [pair] = dealing.deal(db, study_id=round_.study_id, user=grace, count=1).pairs
    choices.record(
        db, pair_id=pair.pair_id, user=grace, answer=Answer.SECOND, key=uuid4(), lease_id=pair.lease_id, response_ms=1
    )
    participations.take_back(db, study_id=round_.study_id, user_id=mallory.id, actor=None)
    assert pairs_of(db, round_) == [(3, PairState.CLOSED)]
    assert [p.p for p in preferences.of_round(db, round_)] == [pytest.approx(2 / 3)]


def test_leaving_out_twice_is_one_event_and_nobody_unknown_can_be_left_out(db: Session) -> None:
    user = builders.user(db)
    round_ = labeled(db, user)
    for _ in range(2):
        participations.leave_out(db, study_id=round_.study_id, user_id=user.id, actor=None)
    events = select(func.count()).select_from(Event).where(Event.what == "participation.left_out")
    assert db.scalar(events) == 1
    with pytest.raises(NotFound):
        participations.leave_out(db, study_id=round_.study_id, user_id=10**9, actor=None)
    with pytest.raises(BadInput):
        participations.pause(db, study_id=round_.study_id, user_id=user.id, reason="x" * 501, actor=None)


def test_a_round_that_is_trained_already_is_left_as_it_is_and_trains_again_without_them(db: Session) -> None:
    ada, mallory = builders.user(db), builders.user(db)
    round_ = labeled(db, ada, mallory, choices_per_pair=2)
    round_moves.advance(db, round_id=round_.id, actor=None)
    participations.leave_out(db, study_id=round_.study_id, user_id=mallory.id, actor=None)
    assert pairs_of(db, round_) == [(2, PairState.CLOSED)] * 2
    assert round_.state is RoundState.TRAINING
    assert [len(p.choices) for p in preferences.of_round(db, round_)] == [1, 1]


def test_choices_made_while_someone_is_left_out_leave_every_count_right(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        people = [builders.user(session) for _ in range(4)]
        round_ = labeled(session, pairs=20, choices_per_pair=3)
    failures: list[BaseException] = []

    def label(user: User) -> None:
        try:
            while True:
                with transaction(sessions) as session:
                    dealt = dealing.deal(session, study_id=round_.study_id, user=user, count=2).pairs
                if not dealt:
                    return
                for pair in dealt:
                    with transaction(sessions) as session:
                        choices.record(
                            session, pair_id=pair.pair_id, user=user, answer=Answer.FIRST, key=uuid4(),
                            lease_id=pair.lease_id, response_ms=None,
                        )  # fmt: skip
        except BaseException as error:  # noqa: BLE001 -- handed to the test
            failures.append(error)

    def leave_out_and_take_back() -> None:
        try:
            for change in (participations.leave_out, participations.take_back) * 4:
                with transaction(sessions) as session:
                    change(session, study_id=round_.study_id, user_id=people[0].id, actor=None)
        except BaseException as error:  # noqa: BLE001 -- handed to the test
            failures.append(error)

    threads = [threading.Thread(target=label, args=(user,)) for user in people]
    threads.append(threading.Thread(target=leave_out_and_take_back))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with transaction(sessions) as session:
        rows = session.execute(
            select(Pair.filled, func.count(Choice.id)).join(Choice, Choice.pair_id == Pair.id).group_by(Pair.id)
        ).all()
        assert all(filled == standing for filled, standing in rows)
        assert session.scalar(select(Participation.left_out_at).where(Participation.user_id == people[0].id)) is None


def answer_gold(session: Session, round_: Round, user: User, *, right: int, wrong: int) -> None:
    """Gold pairs of the round, so many of them answered right by the user."""
    for number in range(right + wrong):
        pair = builders.pair(session, round_id=round_.id)
        lease = builders.lease(session, pair_id=pair.id, user_id=user.id, purpose=Purpose.GOLD, expected=Answer.FIRST)
        answer = Answer.FIRST if number < right else Answer.SECOND
        choices.record(
            session, pair_id=pair.id, user=user, answer=answer, key=uuid4(), lease_id=lease.id, response_ms=900
        )
