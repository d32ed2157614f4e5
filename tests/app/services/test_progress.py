from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.models import InviteUse, PairState, Purpose, RoundState
from app.services import invites, progress, totals
from tests import builders

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AUCKLAND, CHICAGO, UTC_ZONE = ZoneInfo("Pacific/Auckland"), ZoneInfo("America/Chicago"), ZoneInfo("UTC")


@pytest.fixture
def user(db):
    return builders.user(db)


@pytest.fixture
def round_(db):
    return builders.round_(db)


def chosen(db, user, round_, *moments, **columns):
    for at in moments:
        pair = builders.pair(db, round_id=round_.id, state=PairState.CLOSED, filled=1)
        builders.choice(db, pair_id=pair.id, user_id=user.id, made_at=at, **columns)


def day(db, user, zone=UTC_ZONE, now=NOW):
    return progress.day(db, user, zone=zone, now=now)


def days_ago(*numbers):
    return [NOW - timedelta(days=number) for number in numbers]


def test_today_counts_the_choices_that_stand(db, user, round_):
    chosen(db, user, round_, NOW, NOW - timedelta(hours=11), NOW - timedelta(hours=13))
    chosen(db, user, round_, NOW, undone_at=NOW)
    chosen(db, builders.user(db), round_, NOW)
    assert day(db, user).choices == 2


@pytest.mark.parametrize(
    ("numbers", "streak"),
    [((), 0), ((0,), 1), ((0, 1, 2), 3), ((1, 2), 2), ((0, 2), 1), ((2, 3), 0), (range(130), 130)],
)
def test_the_streak_counts_days_in_a_row_and_today_is_not_lost_before_its_end(db, user, round_, numbers, streak):
    chosen(db, user, round_, *days_ago(*numbers))
    assert day(db, user).streak == streak


def test_a_choice_that_was_undone_keeps_no_streak(db, user, round_):
    chosen(db, user, round_, *days_ago(0))
    chosen(db, user, round_, *days_ago(1), undone_at=NOW)
    assert day(db, user).streak == 1


def test_days_are_those_of_the_persons_time_zone(db, user, round_):
    """23:30 on the 9th in Chicago is the 10th in UTC and in Auckland."""
    chosen(db, user, round_, datetime(2026, 3, 10, 4, 30, tzinfo=UTC))
    assert day(db, user).choices == 1
    assert day(db, user, CHICAGO).choices == 0
    assert day(db, user, CHICAGO).streak == 1
    assert day(db, user, AUCKLAND, NOW - timedelta(hours=2)).choices == 1


def test_a_day_on_which_clocks_change_is_whole(db, user, round_):
    """On 8 March 2026 Chicago's day has 23 hours: it begins at 06:00 UTC and ends at 05:00."""
    chosen(db, user, round_, datetime(2026, 3, 9, 4, 59, tzinfo=UTC))
    assert day(db, user, CHICAGO, datetime(2026, 3, 9, 4, 59, 59, tzinfo=UTC)).choices == 1
    assert day(db, user, CHICAGO, datetime(2026, 3, 9, 5, 0, tzinfo=UTC)) == progress.Day(0, 1)


def test_the_pace_is_the_median_gap_and_pauses_do_not_count(db, user, round_):
    seconds = [0, 2, 4, 6, 600, 602, 604, 607]  # a break of ten minutes in the middle
    chosen(db, user, round_, *[NOW + timedelta(seconds=s) for s in seconds])
    assert progress.pace(db, user) == 2


def test_too_few_choices_give_no_pace(db, user, round_):
    chosen(db, user, round_, NOW, NOW + timedelta(seconds=2), NOW + timedelta(hours=1))
    assert progress.pace(db, user) is None


def of_study(db, user, study_id):
    return {one.id: one for one in progress.of_studies(db, user)}.get(study_id)


def test_a_studys_progress_is_that_of_its_open_rounds_with_the_time_left_at_ones_own_pace(db, user, round_):
    chosen(db, user, round_, *[NOW + timedelta(seconds=3 * n) for n in range(6)])
    for _ in range(4):
        builders.pair(db, round_id=round_.id)
    past = builders.round_(db, study_id=round_.study_id, state=RoundState.COMPLETE)
    chosen(db, user, past, NOW - timedelta(days=3))
    totals.refresh(db, round_)
    shown = of_study(db, user, round_.study_id)
    assert (shown.answered, shown.left, shown.total, shown.seconds_left) == (6, 4, 10, 12)


def test_warm_up_gold_and_repeats_are_no_progress(db, user, round_):
    pair = builders.pair(db, round_id=round_.id, state=PairState.CLOSED)
    for purpose in (Purpose.WARM_UP, Purpose.GOLD, Purpose.REPEAT):
        lease = builders.lease(db, pair_id=pair.id, user_id=user.id, purpose=purpose)
        builders.choice(db, lease_id=lease.id)
    totals.refresh(db, round_)
    assert of_study(db, user, round_.study_id).answered == 0


def test_a_guest_sees_the_studies_they_were_invited_to_and_others_see_all(db, user, round_):
    other = builders.study(db)
    guest = builders.user(db, is_guest=True)
    invite, _ = invites.make(db, name="Panel", actor=None, study_id=other.id)
    db.add(InviteUse(invite_id=invite.id, user_id=guest.id))
    db.flush()
    assert [one.id for one in progress.of_studies(db, guest)] == [other.id]
    assert {round_.study_id, other.id} <= {one.id for one in progress.of_studies(db, user)}
