"""Rounds are counted again once something was said in them or taken back, and only then."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.db import transaction
from app.models import AnnotatorTally, Answer, Choice, Round, RoundTally, User
from app.services import agreement, annotator_counts, participations, people, places, tallies
from app.services.agreement import Alpha
from app.services.sweep import sweep
from app.settings import Settings, activate
from tests import builders

F, S = Answer.FIRST, Answer.SECOND


def standing(db: Session, user: User) -> int:
    return db.scalar(select(func.sum(AnnotatorTally.standing)).where(AnnotatorTally.user_id == user.id)) or 0


def long_ago(db: Session, **passed: int) -> None:
    """As if the rounds had been counted, and the choices made, so long before."""
    ago = timedelta(**passed)
    db.execute(update(RoundTally).values(counted_at=RoundTally.counted_at - ago))
    db.execute(update(Choice).values(made_at=Choice.made_at - 2 * ago, undone_at=Choice.undone_at - 2 * ago))


def test_a_round_is_counted_once_and_again_when_something_is_said_or_taken_back(db: Session) -> None:
    round_, user = builders.round_(db), builders.user(db)
    choice = builders.choice(db, pair_id=builders.pair(db, round_id=round_.id).id, user_id=user.id)
    assert tallies.due(db) == [round_.id]
    tallies.catch_up(db)
    long_ago(db, hours=1)
    tallies.look(db)
    assert tallies.due(db) == []
    builders.choice(db, pair_id=builders.pair(db, round_id=round_.id).id, user_id=user.id)
    assert tallies.due(db) == []  # nobody looked yet
    tallies.look(db)
    assert tallies.due(db) == [round_.id]
    tallies.catch_up(db)
    assert standing(db, user) == 2
    long_ago(db, hours=1)
    choice.undone_at = builders.now()
    db.flush()
    tallies.look(db)
    assert tallies.due(db) == [round_.id]
    tallies.catch_up(db)
    assert standing(db, user) == 1


def test_only_rounds_in_which_something_was_said_are_marked(db: Session) -> None:
    quiet, busy = builders.round_(db, state="complete"), builders.round_(db)
    for round_ in (quiet, busy):
        builders.choice(db, pair_id=builders.pair(db, round_id=round_.id).id)
    tallies.catch_up(db)
    long_ago(db, hours=1)
    builders.choice(db, pair_id=builders.pair(db, round_id=busy.id).id)
    tallies.look(db)
    assert tallies.due(db) == [busy.id]


def test_a_count_that_took_long_is_not_made_again_at_once(db: Session) -> None:
    round_ = builders.round_(db)
    tallies.catch_up(db)
    db.execute(update(RoundTally).values(is_stale=True, took_ms=2000))
    long_ago(db, seconds=99)
    assert tallies.due(db) == []
    long_ago(db, seconds=2)
    assert tallies.due(db) == [round_.id]


def test_a_choice_that_was_being_stored_at_the_last_look_is_not_missed(db: Session) -> None:
    """Its time is that of its transaction's beginning: before the look, though it could not be seen then."""
    round_ = builders.round_(db)
    tallies.catch_up(db)
    pair = builders.pair(db, round_id=round_.id)
    builders.choice(db, pair_id=pair.id, made_at=builders.now() - timedelta(seconds=8))
    tallies.look(db)
    assert db.scalars(select(RoundTally.is_stale)).one()


def test_leaving_someone_out_counts_their_rounds_again(db: Session) -> None:
    round_ = builders.round_(db)
    ada, grace, mary = (builders.user(db) for _ in range(3))
    for person in (ada, grace, mary):
        participations.of(db, study_id=round_.study_id, user=person)
    for answers in ((F, F, S), (S, S, F)):
        pair = builders.pair(db, round_id=round_.id)
        for person, answer in zip((ada, grace, mary), answers, strict=True):
            builders.choice(db, pair_id=pair.id, user_id=person.id, answer=answer)
    tallies.catch_up(db)
    before = agreement.alpha_of(agreement.stored(db, round_.study_id))
    participations.leave_out(db, study_id=round_.study_id, user_id=mary.id, actor=None)
    assert db.scalars(select(RoundTally.is_stale)).one()
    tallies.catch_up(db)
    after = agreement.alpha_of(agreement.stored(db, round_.study_id))
    assert (before.value < 0, after) == (True, Alpha(1.0, 2))


def test_what_is_added_up_over_rounds_is_what_would_be_counted_at_once(db: Session) -> None:
    chance = random.Random(1)
    study = builders.study(db)
    crowd = [builders.user(db) for _ in range(4)]
    for state in ("complete", "complete", "labeling"):
        round_ = builders.round_(db, study_id=study.id, state=state)
        for _ in range(8):
            pair = builders.pair(db, round_id=round_.id)
            for person in chance.sample(crowd, 3):
                made = builders.now() - timedelta(seconds=chance.randrange(3000))
                builders.choice(
                    db, pair_id=pair.id, user_id=person.id, answer=chance.choice(list(Answer)), made_at=made,
                    response_ms=chance.randrange(200, 9000),
                )  # fmt: skip
            places.recount_one(db, round_, pair.id)
    tallies.catch_up(db)
    everyone = [person.id for person in crowd]
    at_once = annotator_counts.count(db, [Round.study_id == study.id], everyone)
    stored = annotator_counts.stored(db, study.id)
    # steps from one round into the next are no steps in either
    apart = {"gaps": 0, "gap_seconds": 0.0, "agreed": 0.0}
    for user_id, (numbers, _) in at_once.items():
        assert {**vars(stored[user_id]), **apart} == {**vars(numbers), **apart}
        assert stored[user_id].agreed == pytest.approx(numbers.agreed)
    patterns = agreement.stored(db, study.id)
    assert patterns == agreement.patterns(db, Round.study_id == study.id)
    _, spread = at_once[everyone[0]]
    assert agreement.alpha_of(agreement.without(patterns, spread.beside)) == agreement.alpha(
        db, Round.study_id == study.id, Choice.user_id != everyone[0]
    )


def test_times_are_of_the_newest_rounds_in_the_order_of_the_answers(db: Session) -> None:
    study, user = builders.study(db), builders.user(db)
    for number in range(annotator_counts.ROUNDS + 1):
        round_ = builders.round_(db, study_id=study.id, state="complete")
        for extra in range(2):
            pair = builders.pair(db, round_id=round_.id)
            builders.choice(db, pair_id=pair.id, user_id=user.id, response_ms=1000 * number + extra)
    tallies.catch_up(db)
    kept = range(1, annotator_counts.ROUNDS + 1)
    expected = [1000 * number + extra for number in kept for extra in range(2)]
    assert annotator_counts.stored_times(db, study.id, [user.id]) == {user.id: expected}


def test_the_list_of_people_knows_how_much_each_has_said(db: Session) -> None:
    user = builders.user(db)
    for _ in range(2):
        builders.choice(db, user_id=user.id)
    tallies.catch_up(db)
    assert people.line(db, user.id).choices == 2


def test_the_sweep_counts_what_is_due(settings: Settings, sessions) -> None:
    with transaction(sessions) as session:
        builders.choice(session)
    with activate(settings):
        assert sweep(sessions)
    with transaction(sessions) as session:
        assert session.scalars(select(AnnotatorTally.choices)).one() == 1
