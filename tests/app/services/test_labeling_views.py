from datetime import timedelta

import pytest

from app.models import Answer, RoundState, User, UserKind
from app.services import labeling_views, participations, round_views
from app.services.labeling_views import Labeling, Shortfall
from tests import builders, scenes


def labeling(db, round_) -> Labeling:
    return labeling_views.labeling(db, round_views.head(db, round_.id))


@pytest.fixture
def three_places(db):
    """A round in labeling with two pairs that each ask for three choices, and no more to draw."""
    study = builders.study(db, settings=builders.settings(labeling={"choices_per_pair": 3}))
    round_ = builders.round_(db, study_id=study.id, groups=2, state=RoundState.LABELING)
    return round_, [builders.pair(db, round_id=round_.id) for _ in range(2)]


def answer(db, pair, person: User, given: Answer = Answer.FIRST, **columns) -> None:
    builders.choice(db, pair_id=pair.id, user_id=person.id, answer=given, **columns)
    pair.filled += given is not Answer.SKIP
    db.flush()


def test_progress_pace_and_estimate_follow_from_the_choices(db):
    round_ = scenes.labeling_round(db, builders.study(db), pairs=12, closed=5)
    shown = labeling(db, round_)
    assert (shown.pairs, shown.pairs_planned, shown.pairs_closed, shown.choices) == (12, 20, 5, 5)
    assert shown.places_left == 7 + 8
    assert shown.per_hour == 30
    assert shown.seconds_left == pytest.approx(15 * 120)
    assert sum(shown.answers.values()) == 5


def test_a_choice_that_was_undone_is_no_choice(db, three_places):
    round_, (pair, _) = three_places
    answer(db, pair, builders.user(db))
    answer(db, pair, builders.user(db), undone_at=builders.now())
    assert labeling(db, round_).answers == {"first": 1}


def test_only_those_who_answered_lately_or_hold_a_pair_are_here(db, three_places):
    round_, (one, other) = three_places
    ada, grace, gone = (builders.user(db, handle=name) for name in ("ada", "grace", "gone"))
    answer(db, one, ada)
    builders.lease(db, pair_id=one.id, user_id=grace.id)
    long_ago = builders.now() - timedelta(hours=1)
    lease = builders.lease(db, pair_id=other.id, user_id=gone.id, expires_at=long_ago)
    builders.choice(db, lease_id=lease.id, made_at=long_ago)
    assert [(person.name, person.choices) for person in labeling(db, round_).present] == [("Ada", 1), ("Grace", 0)]


def test_pairs_that_those_here_cannot_finish_say_how_many_more_people_they_need(db, three_places):
    round_, pairs = three_places
    ada, grace = builders.user(db), builders.user(db)
    answer(db, pairs[0], ada)
    assert labeling(db, round_).shortfalls == [Shortfall(pairs=2, people=2)]
    answer(db, pairs[0], grace)
    assert labeling(db, round_).shortfalls == [Shortfall(pairs=2, people=1)]


def test_a_skip_uses_a_person_up_without_filling_a_place(db, three_places):
    round_, (one, other) = three_places
    people = [builders.user(db) for _ in range(3)]
    for person in people:
        answer(db, one, person)
    one.state, one.closed_at = "closed", builders.now()
    assert labeling(db, round_).shortfalls == []
    answer(db, other, people[0], Answer.SKIP)
    assert labeling(db, round_).shortfalls == [Shortfall(pairs=1, people=1)]


def test_a_judge_does_not_count_as_someone_who_could_finish_a_round_of_people(db, three_places):
    round_, (pair, _) = three_places
    answer(db, pair, builders.user(db))
    builders.lease(db, pair_id=pair.id, user_id=builders.user(db, kind=UserKind.JUDGE).id)
    assert labeling(db, round_).shortfalls == [Shortfall(pairs=2, people=2)]
    assert [person.is_judge for person in labeling(db, round_).present] == [False, True]


def test_while_nobody_is_here_nobody_is_called_short(db, three_places):
    round_, _ = three_places
    shown = labeling(db, round_)
    assert (shown.present, shown.shortfalls, shown.seconds_left) == ([], [], None)


def test_who_is_left_out_is_not_here_and_what_they_said_is_no_answer(db, three_places):
    round_, (pair, _) = three_places
    ada, mallory = builders.user(db), builders.user(db)
    for person in (ada, mallory):
        answer(db, pair, person)
    participations.leave_out(db, study_id=round_.study_id, user_id=mallory.id, actor=None)
    shown = labeling(db, round_)
    assert (shown.answers, [person.choices for person in shown.present]) == ({"first": 1}, [1])
    assert shown.shortfalls == [Shortfall(pairs=2, people=2)]
