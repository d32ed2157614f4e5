"""The start page, the end, and the thank-you."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import InviteUse, Pair, PairState, Round, Study, TrainingRun
from app.services import invites, participations, totals
from app.web import timezones
from tests import builders, scenes


@pytest.fixture
def round_(factory):
    """A round of three pairs, none answered."""
    with transaction(factory) as session:
        study = builders.study(session, name="Cats", question="Which cat is better?")
        row = builders.round_(session, study_id=study.id)
        for _ in range(3):
            builders.pair(session, round_id=row.id)
        totals.refresh(session, row)
    return row


def answered(factory, user, round_, *, times, days_ago=0):
    now = builders.now()
    with transaction(factory) as session:
        for number in range(times):
            pair = builders.pair(session, round_id=round_.id, state=PairState.CLOSED, filled=1)
            at = now - timedelta(days=days_ago, seconds=4 * (times - number))
            builders.choice(session, pair_id=pair.id, user_id=user.id, made_at=at)
        totals.refresh(session, session.get_one(Round, round_.id))


@pytest.fixture
def thanked(factory, annotator):
    """A trained round that the annotator worked on."""
    with transaction(factory) as session:
        study = builders.study(session, name="Dogs")
        checkpoint = scenes.checkpoint(session, study)
        row = session.get_one(Round, session.get_one(TrainingRun, checkpoint.training_run_id).round_id)
        participations.of(session, study_id=study.id, user=annotator.user)
        pair_id = session.scalars(select(Pair.id).where(Pair.round_id == row.id)).first()
        builders.choice(session, pair_id=pair_id, user_id=annotator.user.id)
    return row


def invited(factory, user, round_, **columns):
    with transaction(factory) as session:
        invite, _ = invites.make(session, name="Panel", actor=None, study_id=round_.study_id, **columns)
        session.add(
            InviteUse(
                invite_id=invite.id, user_id=user.id, participant="P 1", used_at=builders.now() - timedelta(hours=1)
            )
        )


def test_a_study_is_shown_with_its_progress_and_the_time_left(annotator, round_, factory):
    answered(factory, annotator.user, round_, times=7)
    page = annotator.get("/").text
    for words in ("Cats", "Which cat is better?", "3 pairs left for you", "7 of 10", "about 12 s at your pace"):
        assert words in page
    assert '<progress class="progress__bar" value="7" max="10"' in page
    assert f'href="/annotate/{round_.study_id}"' in page


def test_today_and_the_streak_are_shown_once_there_is_something_to_show(annotator, round_, factory):
    assert "Today" not in annotator.get("/").text
    answered(factory, annotator.user, round_, times=1, days_ago=1)
    answered(factory, annotator.user, round_, times=2)
    annotator.cookies.set(timezones.COOKIE, "Etc/GMT")
    page = annotator.get("/").text
    assert "2 pairs<" in page
    assert "2 days<" in page


@pytest.mark.parametrize("zone", ["Europe/Berlin", "no zone", "../../etc/passwd", ""])
def test_whatever_the_time_zones_cookie_says_the_page_is_shown(annotator, zone):
    annotator.cookies.set(timezones.COOKIE, zone)
    assert annotator.get("/").status_code == 200


def test_a_study_with_nothing_left_says_so(annotator, factory):
    with transaction(factory) as session:
        builders.study(session, name="Empty")
    assert "Nothing waits at the moment" in annotator.get("/").text


def test_an_archived_study_is_not_shown(annotator, round_, factory):
    with transaction(factory) as session:
        session.get_one(Study, round_.study_id).archived_at = builders.now()
    assert "Cats" not in annotator.get("/").text


def test_a_round_that_has_trained_is_thanked_for_until_it_was_looked_at(annotator, thanked):
    assert "Round 1 of “Dogs” has trained." in annotator.get("/").text
    page = annotator.get(f"/thanks/{thanked.id}").text
    assert "1 of them was yours" in page
    assert page.count('src="/i/') == 8
    assert "has trained" not in annotator.get("/").text


def test_the_thank_you_of_a_round_is_only_for_those_who_worked_on_it(researcher, anonymous, thanked):
    assert researcher.get(f"/thanks/{thanked.id}").status_code == 404
    assert anonymous.get(f"/thanks/{thanked.id}").status_code == 401


def test_the_code_is_shown_with_the_wanted_number_and_not_before(annotator, round_, factory):
    invited(
        factory,
        annotator.user,
        round_,
        choices_wanted=2,
        completion_code="C0DE-7",
        return_url="https://panel.test/d?p={participant}",
    )
    path = f"/annotate/{round_.study_id}/finish"
    answered(factory, annotator.user, round_, times=1)
    page = annotator.get(path).text
    assert "1 of 2 pairs are answered" in page
    assert "C0DE-7" not in page
    answered(factory, annotator.user, round_, times=1)
    page = annotator.get(path).text
    assert "C0DE-7" in page
    assert 'href="https://panel.test/d?p=P%201"' in page


def test_without_an_invite_the_end_is_a_thank_you(annotator, round_):
    page = annotator.get(f"/annotate/{round_.study_id}/finish").text
    assert "Every choice of yours helps" in page
    assert annotator.get("/annotate/404/finish").status_code == 404
