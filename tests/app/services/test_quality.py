"""Everyone's numbers, each against answers whose figures are plain to see."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.models import Answer, Choice, Pair, Purpose, Round, User
from app.services import participations, quality, tallies
from app.services.agreement import WithOthers
from app.services.measures import Mark, Share
from app.services.quality import Annotator, Counts, Repeats
from tests import builders

F, S = Answer.FIRST, Answer.SECOND


def numbers(session: Session, round_: Round, user: User) -> Annotator:
    participations.of(session, study_id=round_.study_id, user=user)
    tallies.catch_up(session)
    found = quality.of_study(session, round_.study_id)
    return next(annotator for annotator, _ in found.annotators if annotator.user_id == user.id)


def answered(
    session: Session, round_: Round, user: User, answer: Answer = F, *, pair: Pair | None = None,
    purpose: Purpose = Purpose.COUNTED, left: bool = True, expected: Answer | None = None, **columns: object,
) -> Choice:  # fmt: skip
    """An answer of the user on a pair of the round (a new one where none is given)."""
    pair = pair or builders.pair(session, round_id=round_.id)
    lease = builders.lease(
        session, pair_id=pair.id, user_id=user.id, purpose=purpose, first_on_left=left, expected=expected
    )
    return builders.choice(session, lease_id=lease.id, answer=answer, **columns)


@pytest.fixture
def one(db: Session) -> tuple[Round, User]:
    return builders.round_(db), builders.user(db)


def test_counts_are_of_counted_choices_that_stand(db: Session, one: tuple[Round, User]) -> None:
    round_, user = one
    answered(db, round_, user, extra=True)
    answered(db, round_, user, Answer.SKIP, late=True)
    answered(db, round_, user, undone_at=builders.now())
    answered(db, round_, user, purpose=Purpose.WARM_UP)
    found = numbers(db, round_, user)
    assert found.counts == Counts(2, {"first": 1, "skip": 1}, extra=1, late=1)


def test_side_bias_is_the_share_of_the_left_side_among_answers_for_a_picture(
    db: Session, one: tuple[Round, User]
) -> None:
    round_, user = one
    for answer, left in ((F, True), (S, False), (S, True), (Answer.TIE, True)):
        answered(db, round_, user, answer, left=left)
    assert numbers(db, round_, user).left == Share(2, 3)


def test_gold_counts_right_answers_and_no_skips(db: Session, one: tuple[Round, User]) -> None:
    round_, user = one
    for answer in (F, F, S, Answer.SKIP):
        answered(db, round_, user, answer, purpose=Purpose.GOLD, expected=F)
    assert numbers(db, round_, user).gold == Share(2, 3)


def test_repeats_tell_side_bias_from_a_changed_opinion(db: Session, one: tuple[Round, User]) -> None:
    round_, user = one
    for before, again in ((F, F), (S, S), (F, S), (F, Answer.TIE), (Answer.SKIP, F)):
        first = answered(db, round_, user, before)
        answered(db, round_, user, again, pair=db.get_one(Pair, first.pair_id), purpose=Purpose.REPEAT, left=False)
    found = numbers(db, round_, user).repeats
    assert found == Repeats(same=2, same_side=1, otherwise=1)
    assert found.consistent == Share(2, 4)


def test_breaks_are_left_out_of_the_pace(db: Session, one: tuple[Round, User]) -> None:
    round_, user = one
    start = builders.now() - timedelta(hours=2)
    for seconds in (0, 10, 20, 30, 30 + 3600, 40 + 3600):  # four steps of ten seconds, and an hour away
        answered(db, round_, user, made_at=start + timedelta(seconds=seconds))
    assert numbers(db, round_, user).per_hour == pytest.approx(360)


def test_response_times_have_a_median_and_what_stands_out_is_marked(db: Session, one: tuple[Round, User]) -> None:
    round_, user = one
    # logarithms around ln 1000: deviations 0, ±0.1, ±0.2 and two far away; their median is 0.2
    times = [1000, 1105, 905, 1221, 819, 100, 20_000]
    for ms in times:
        answered(db, round_, user, response_ms=ms)
    answered(db, round_, user, response_ms=None)
    found = numbers(db, round_, user).times
    assert found is not None
    assert found.median_ms == pytest.approx(1000)
    assert (found.hasty, found.fast, found.slow) == (1, 0, 1)
    assert found.newest == [(ms, Mark.NONE) for ms in times[:5]] + [(100, Mark.HASTY), (20_000, Mark.SLOW)]


def test_agreement_is_with_the_share_of_the_others_who_said_the_same(db: Session, one: tuple[Round, User]) -> None:
    round_, user = one
    first = answered(db, round_, user, F)
    for said in (F, S, S):
        answered(db, round_, builders.user(db), said, pair=db.get_one(Pair, first.pair_id))
    answered(db, round_, user)  # nobody else answered this one
    found = numbers(db, round_, user).others
    assert found == WithOthers(pytest.approx(1 / 3), 1)


def test_a_study_lists_whoever_takes_part_busiest_first_and_one_round_only_its_own(db: Session) -> None:
    round_ = builders.round_(db)
    later = builders.round_(db, study_id=round_.study_id, state="complete")
    quiet, busy = builders.user(db), builders.user(db)
    for user in (quiet, busy):
        participations.of(db, study_id=round_.study_id, user=user)
    answered(db, round_, busy)
    answered(db, later, busy)
    assert quality.of_study(db, round_.study_id).uncounted == 2
    tallies.catch_up(db)
    found = quality.of_study(db, round_.study_id)
    assert found.uncounted == 0
    assert [(a.user_id, a.counts.choices, standing.paused_at) for a, standing in found.annotators] == [
        (busy.id, 2, None), (quiet.id, 0, None),
    ]  # fmt: skip
    in_one = quality.of_study(db, round_.study_id, round_id=later.id)
    assert in_one.annotators[0][0].counts.choices == 1


def test_ones_own_numbers_leave_the_last_minutes_out(db: Session, one: tuple[Round, User]) -> None:
    round_, user = one
    answered(db, round_, user, purpose=Purpose.GOLD, expected=F)
    answered(db, round_, user, made_at=datetime.fromisoformat("2026-01-01T00:00Z"))
    mine = quality.of_person(db, round_.study_id, user)
    assert (mine.counts.choices, mine.gold) == (1, Share(0, 0))
