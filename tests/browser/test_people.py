"""The pages on which an admin sees who labels and how well, as they are seen."""

import math
import random
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.db import transaction
from app.models import Answer, Lease, Pair, PairState, Participation, Purpose, Role, UserKind
from app.services import gold, participations, tallies
from tests import builders
from tests.browser.looks import LOOKS, picture

NAMES = ("Ada Lovelace", "Grace Hopper", "Mallory Quick", "A guest with a rather long display name")


@pytest.fixture(params=LOOKS)
def look(request):
    return request.param


@pytest.fixture
def admin(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.ADMIN, handle="admin", display_name="Admin")


@pytest.fixture
def study(site, admin):
    """A study that three people, a guest and a judge have labeled; one of them clicks without looking."""
    chance = random.Random(0)
    with transaction(site.sessions) as session:
        labeling = {"choices_per_pair": 3, "gold_share": 0.2, "pause_below": 0.7}
        study = builders.study(session, name="Emoji", settings=builders.settings(labeling=labeling))
        round_ = builders.round_(session, study_id=study.id)
        pairs = [
            builders.pair(session, round_id=round_.id, artifacts=site.artifacts, state=PairState.CLOSED, filled=3)
            for _ in range(6)
        ]
        for pair in pairs[:2]:
            gold.set_answer(session, pair_id=pair.id, answer=Answer.FIRST, actor=admin)
        plain = [builders.pair(session, round_id=round_.id, artifacts=site.artifacts) for _ in range(18)]
        people = [builders.user(session, display_name=name) for name in NAMES]
        people.append(builders.user(session, display_name="jpeg_compressibility", kind=UserKind.JUDGE))
        for person in people:
            participations.of(session, study_id=study.id, user=person)
            label(session, person, [*pairs, *plain], chance)
        participations.pause(session, study_id=study.id, user_id=people[2].id, reason="", actor=admin)
        participations.leave_out(session, study_id=study.id, user_id=people[2].id, actor=admin)
        tallies.catch_up(session)
        return study


def label(session, person, pairs, chance):
    """An answer on each: most people look, one names the left picture within a moment, a judge takes no time."""
    quick = person.display_name == NAMES[2]
    for number, pair in enumerate(pairs):
        purpose = Purpose.GOLD if number < 2 else Purpose.COUNTED
        left = chance.random() < 0.5
        expected = Answer.FIRST if purpose is Purpose.GOLD else None
        lease = builders.lease(
            session, pair_id=pair.id, user_id=person.id, purpose=purpose, first_on_left=left, expected=expected
        )
        on_left = Answer.FIRST if left else Answer.SECOND
        answer = on_left if quick else chance.choices(list(Answer)[:3], (6, 2, 1))[0]
        ms = int(math.exp(chance.gauss(5.4 if quick else 7, 0.3)))
        at = builders.now() - timedelta(minutes=30) + timedelta(seconds=5 * number)
        response_ms = None if person.kind is UserKind.JUDGE else 40_000 if number == 15 else ms
        builders.choice(session, lease_id=lease.id, answer=answer, response_ms=response_ms, made_at=at)


def test_an_admin_sees_how_everyone_works(open_as, study, admin, look):
    page = open_as(admin, f"/admin/studies/{study.id}/people", **look)
    mallory = page.locator(".annotator").filter(has_text=NAMES[2])
    expect(mallory.get_by_text("left out", exact=True)).to_be_visible()
    expect(mallory.get_by_text("too quick to have looked")).to_be_visible()
    expect(mallory.locator(".figures__one--beyond").filter(has_text="Left side")).to_be_visible()
    expect(mallory.get_by_role("img")).to_be_visible()
    picture(page, "people")


def test_someone_is_paused_in_words_and_let_go_on(open_as, site, study, admin):
    page = open_as(admin, f"/admin/studies/{study.id}")
    page.get_by_role("link", name="Annotators", exact=True).click()
    ada = page.locator(".annotator").filter(has_text=NAMES[0])
    ada.get_by_text("Pause…").click()
    ada.get_by_label("What Ada Lovelace reads").fill("Let us talk first.")
    picture(page, "people-pausing")
    ada.get_by_role("button", name="Pause", exact=True).click()
    expect(ada.get_by_text("Let us talk first.")).to_be_visible()
    ada.get_by_role("button", name="Let them go on").click()
    expect(ada.get_by_text("Pause…")).to_be_visible()
    with transaction(site.sessions) as session:
        theirs = session.query(Participation).join(Lease, Lease.user_id == Participation.user_id)
        assert theirs.filter(Participation.gold_from.is_not(None)).count() > 0


def test_everyone_in_a_table_that_any_figure_sorts(open_as, study, admin, look):
    page = open_as(admin, f"/admin/studies/{study.id}/people", **look)
    page.get_by_role("link", name="As a table").click()
    rows = page.locator(".people-table tbody tr")
    expect(rows).to_have_count(5)
    page.get_by_role("link", name="Seconds").click()
    page.get_by_role("link", name="Seconds").click()
    expect(rows.first).to_contain_text(NAMES[2])
    expect(page.get_by_role("columnheader", name="Seconds")).to_have_attribute("aria-sort", "ascending")
    picture(page, "people-table")
    page.get_by_role("link", name=NAMES[2]).click()
    expect(page.locator(".annotator").filter(has_text=NAMES[2])).to_be_in_viewport()


def test_what_leaving_someone_out_changes_is_read_before_it_is_done(open_as, site, study, admin, look):
    page = open_as(admin, f"/admin/studies/{study.id}/people", **look)
    grace = page.locator(".annotator").filter(has_text=NAMES[1])
    grace.get_by_role("link", name="Leave their choices out…").click()
    expect(page.get_by_role("heading", name="Leave out what Grace Hopper chose?")).to_be_visible()
    picture(page, "leave-out")
    page.get_by_role("link", name="Keep them").click()
    expect(grace.get_by_text("left out", exact=True)).to_have_count(0)
    grace.get_by_role("link", name="Leave their choices out…").click()
    page.get_by_role("button", name="Leave their choices out").click()
    expect(grace.get_by_text("left out", exact=True)).to_be_visible()


def test_the_payments_sheet_is_asked_for_and_downloaded(open_as, study, admin, look):
    page = open_as(admin, f"/admin/studies/{study.id}/people", timezone_id="Europe/Berlin", **look)
    page.get_by_role("link", name="Payments").click()
    expect(page.get_by_label("Days as they are in")).to_have_value("Europe/Berlin")
    page.get_by_label("From").fill(f"{builders.now() - timedelta(days=2):%Y-%m-%d}")
    page.get_by_label("To", exact=True).fill(f"{builders.now() + timedelta(days=1):%Y-%m-%d}")
    page.get_by_label("Paid for an hour").fill("12,50")
    page.get_by_label("Paid for a choice").fill("0.05")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row").filter(has_text=NAMES[0]).first).to_contain_text("24")
    expect(page.get_by_text("jpeg_compressibility")).to_have_count(0)
    picture(page, "payments")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith("day,user,name,participant,choices")
    assert len(lines) >= 5


def test_a_known_answer_is_set_by_a_click_on_the_picture_and_taken_back(open_as, site, study, admin, look):
    page = open_as(admin, f"/admin/studies/{study.id}/gold", **look)
    first = page.locator(".gold").first
    with transaction(site.sessions) as session:
        newest = max(session.query(Pair.id).filter(Pair.state == PairState.CLOSED).all())[0]
    expect(first).to_have_attribute("id", f"pair-{newest}")
    first.get_by_role("button", name="The right picture is better").click()
    expect(first.get_by_role("button", name="The right picture is better")).to_have_attribute("aria-pressed", "true")
    picture(page, "gold")
    first.get_by_role("button", name="Take back").click()
    expect(first.get_by_role("button", name="Take back")).to_have_count(0)
