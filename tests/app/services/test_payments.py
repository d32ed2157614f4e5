from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import Answer, InviteUse, Purpose, Round, User, UserKind, WorkQuarter
from app.services import invites, participations, payments, work
from app.services.payments import Wanted
from tests import builders

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def ada(db: Session) -> User:
    return builders.user(db, display_name="Ada")


@pytest.fixture
def round_(db: Session) -> Round:
    return builders.round_(db)


def answered(db: Session, person: User, round_: Round, *seconds: float, purpose: Purpose = Purpose.COUNTED, **columns):
    """An answer on a new pair at each of these times after noon, its pair dealt an hour before."""
    for second in seconds:
        pair = builders.pair(db, round_id=round_.id)
        at = NOON + timedelta(seconds=second)
        lease = builders.lease(
            db, pair_id=pair.id, user_id=person.id, purpose=purpose, given_at=at - timedelta(hours=1)
        )
        builders.choice(db, lease_id=lease.id, made_at=at, **columns)


def sheet(db: Session, **values) -> list[payments.Line]:
    wanted = Wanted(**{"since": date(2026, 3, 1), "until": date(2026, 3, 31), "zone": UTC_ZONE, **values})
    payments.check(db, wanted)
    return list(payments.lines(db, wanted)[0])


def minutes(db: Session, **values) -> Decimal:
    [line] = sheet(db, **values)
    return line.minutes


def test_time_is_the_gaps_of_a_sitting_and_what_its_first_pair_was_shown_for(db: Session, ada, round_) -> None:
    answered(db, ada, round_, 0, 30, 90, response_ms=6000)
    assert minutes(db) == Decimal("1.60")  # 6 + 30 + 60 seconds


def test_a_gap_of_more_than_five_minutes_is_a_break_and_begins_a_sitting_anew(db: Session, ada, round_) -> None:
    answered(db, ada, round_, 0, 300, 601, response_ms=6000)
    assert minutes(db) == Decimal("5.20")  # 6 + 300, then 6 again


@pytest.mark.parametrize(
    ("response_ms", "seconds"), [(None, 0), (6000, 6), (86_400_000, 300)], ids=["unmeasured", "measured", "a day"]
)
def test_a_browser_s_word_is_worth_a_pause_at_most(db: Session, ada, round_, response_ms, seconds) -> None:
    answered(db, ada, round_, 0, response_ms=response_ms)
    assert minutes(db) == Decimal(seconds) / 60


def test_and_no_more_than_since_the_pair_was_dealt(db: Session, ada, round_) -> None:
    pair = builders.pair(db, round_id=round_.id)
    lease = builders.lease(db, pair_id=pair.id, user_id=ada.id, given_at=NOON - timedelta(seconds=12))
    builders.choice(db, lease_id=lease.id, made_at=NOON, response_ms=60_000)
    assert minutes(db) == Decimal("0.20")


def test_what_was_done_is_counted_by_what_it_is(db: Session, ada, round_) -> None:
    answered(db, ada, round_, 0, 10)
    answered(db, ada, round_, 20, answer=Answer.SKIP)
    answered(db, ada, round_, 30, undone_at=NOON)
    for number, purpose in enumerate((Purpose.WARM_UP, Purpose.GOLD, Purpose.REPEAT)):
        answered(db, ada, round_, 40 + 10 * number, purpose=purpose)
    [line] = sheet(db)
    assert (line.choices, line.counted, line.skipped, line.pairs) == (5, 2, 1, 4)  # a repeat is no further pair
    assert line.minutes == Decimal("1.02")  # 0.9 + 60 seconds: what was undone and skipped took its time


def test_choices_that_are_left_out_do_not_count_and_are_still_there(db: Session, ada, round_) -> None:
    answered(db, ada, round_, 0, 10)
    participations.leave_out(db, study_id=round_.study_id, user_id=ada.id, actor=None)
    [line] = sheet(db)
    assert (line.choices, line.counted) == (2, 0)


def test_a_day_is_one_of_the_zone_and_a_gap_over_midnight_belongs_to_the_later(db: Session, ada, round_) -> None:
    midnight = 11 * 3600  # in Berlin, in seconds after noon in UTC
    answered(db, ada, round_, midnight - 30, midnight + 30, response_ms=0)
    days = [(line.day, line.choices, line.minutes) for line in sheet(db, zone=BERLIN)]
    assert days == [(date(2026, 3, 10), 1, Decimal(0)), (date(2026, 3, 11), 1, Decimal(1))]
    assert [line.day for line in sheet(db)] == [date(2026, 3, 10)]
    [only] = sheet(db, zone=BERLIN, since=date(2026, 3, 11), until=date(2026, 3, 11))
    assert only.minutes == Decimal(1)  # the answer before the first day tells that the sitting went on


def test_the_day_on_which_clocks_change_has_all_its_answers_once(db: Session, ada, round_) -> None:
    """In Berlin 29 March 2026 has 23 hours: 1 a.m. UTC is where two o'clock is left out."""
    for hour in (-2, -1, 1, 21, 22):
        at = datetime(2026, 3, 29, tzinfo=UTC) + timedelta(hours=hour, minutes=30)
        pair = builders.pair(db, round_id=round_.id)
        builders.choice(db, lease_id=builders.lease(db, pair_id=pair.id, user_id=ada.id).id, made_at=at)
    assert {line.day.day: line.choices for line in sheet(db, zone=BERLIN)} == {28: 1, 29: 3, 30: 1}


def test_time_in_another_study_is_not_this_one_s(db: Session, ada, round_) -> None:
    other = builders.round_(db)
    answered(db, ada, round_, 0, 60, response_ms=0)
    answered(db, ada, other, 30, 90, response_ms=0)
    assert minutes(db, study_id=round_.study_id) == Decimal("0.50")
    assert minutes(db, study_id=other.study_id) == Decimal("1.00")
    assert minutes(db) == Decimal("1.50")


def test_the_amount_follows_from_what_the_line_shows_and_the_totals_from_the_lines(db: Session, ada, round_) -> None:
    answered(db, ada, round_, 0, 20, 40, response_ms=0)
    grace = builders.user(db, display_name="Grace")
    answered(db, grace, round_, 0, 25, response_ms=0)
    rates = {"per_choice": Decimal("0.05"), "per_hour": Decimal("12.50")}
    first, second = sheet(db, **rates)
    assert (first.minutes, second.minutes) == (Decimal("0.67"), Decimal("0.42"))
    assert first.amount == Decimal("0.29")  # 3 × 0.05 + 0.67 / 60 × 12.50 = 0.2896
    assert second.amount == Decimal("0.19")
    wanted = Wanted(date(2026, 3, 1), date(2026, 3, 31), UTC_ZONE, **rates)
    assert payments.totals(db, wanted) == payments.Totals(2, 5, 5, Decimal("1.09"), Decimal("0.48"))


def test_who_came_from_a_panel_is_known_by_its_id(db: Session, ada, round_) -> None:
    answered(db, ada, round_, 0)
    for study_id, participant in ((round_.study_id, "prolific-1"), (None, "other-2")):
        invite, _ = invites.make(db, name="Panel", actor=None, study_id=study_id)
        db.add(InviteUse(invite_id=invite.id, user_id=ada.id, participant=participant))
    db.flush()
    assert sheet(db)[0].participant == "other-2, prolific-1"
    assert sheet(db, study_id=round_.study_id)[0].participant == "prolific-1"


def test_judges_and_who_did_nothing_in_these_days_are_not_on_it(db: Session, ada, round_) -> None:
    answered(db, builders.user(db, kind=UserKind.JUDGE), round_, 0)
    answered(db, ada, round_, 30 * 86400)
    builders.user(db)
    assert sheet(db) == []
    wanted = Wanted(date(2026, 3, 1), date(2026, 3, 31), UTC_ZONE)
    assert payments.totals(db, wanted) == payments.Totals(0, 0, 0, Decimal(0), Decimal(0))


def test_it_comes_in_pieces_of_so_many_people(db: Session, round_) -> None:
    people = [builders.user(db) for _ in range(3)]
    for person in people:
        answered(db, person, round_, 0, 86400)
    wanted = Wanted(date(2026, 3, 1), date(2026, 3, 31), UTC_ZONE)
    payments.check(db, wanted)
    first, more = payments.lines(db, wanted, people=2)
    rest, end = payments.lines(db, wanted, after=more or 0, people=2)
    assert [line.user_id for line in first] == [people[0].id] * 2 + [people[1].id] * 2
    assert ([line.user_id for line in rest], end) == ([people[2].id] * 2, None)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"until": date(2026, 2, 28)}, {"until"}),
        ({"since": date(1990, 1, 1)}, {"until"}),
        ({"per_hour": Decimal(-1), "per_choice": Decimal(10**6)}, {"per_hour", "per_choice"}),
    ],
)
def test_what_makes_no_sheet_is_said_by_field(db: Session, values, fields) -> None:
    with pytest.raises(BadInput) as refused:
        sheet(db, **values)
    assert set(refused.value.fields) == fields
    with pytest.raises(NotFound):
        sheet(db, study_id=10**9)


def test_a_sheet_has_what_was_answered_and_undone_since_the_last_count(db: Session, ada, round_) -> None:
    now = builders.now()
    days = {"since": now.date(), "until": now.date()}
    choice = builders.choice(db, user_id=ada.id, made_at=now)
    assert [line.choices for line in sheet(db, **days)] == [1]
    builders.choice(db, user_id=ada.id, made_at=now)
    assert [line.choices for line in sheet(db, **days)] == [2]
    choice.undone_at = builders.now()
    db.flush()
    assert [line.choices for line in sheet(db, **days)] == [1]


def test_the_sweep_counts_once_a_minute(db: Session, ada, round_) -> None:
    assert work.is_due(db)
    answered(db, ada, round_, 0)
    work.catch_up(db)
    assert not work.is_due(db)
    db.execute(update(WorkQuarter).values(counted_at=WorkQuarter.counted_at - timedelta(seconds=61)))
    assert work.is_due(db)
