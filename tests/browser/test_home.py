"""Where annotators come in and go out, as it is seen; in German, and from right to left."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import InviteUse, Pair, PairState, Role, Round, TrainingRun
from app.services import invites, participations, totals
from tests import builders, scenes
from tests.browser.annotate.steps import answer_by, wait_for_pair
from tests.browser.looks import LOOKS, PHONE, SIZES, mirrored, picture

# each of its pixels is a whole number of the screen's, and more than one
WHOLE_PIXELS = """image => {
  const times = image.getBoundingClientRect().width * devicePixelRatio / image.naturalWidth;
  return times > 1.9 && Math.abs(times - Math.round(times)) < 1e-3;
}"""


@pytest.fixture(params=LOOKS)
def look(request):
    return request.param


@pytest.fixture
def me(site):
    with transaction(site.sessions) as session:
        return builders.user(session, handle="ada")


@pytest.fixture
def round_(site, me):
    """A round of which I answered seven pairs, today and yesterday, and three are left."""
    now = builders.now()
    with transaction(site.sessions) as session:
        study = builders.study(session, name="Emoji", question="Which picture is livelier?")
        row = builders.round_(session, study_id=study.id)
        for number in range(7):
            pair = builders.pair(session, round_id=row.id, state=PairState.CLOSED, filled=1)
            at = now - timedelta(days=number // 6, seconds=4 * number)
            builders.choice(session, pair_id=pair.id, user_id=me.id, made_at=at)
        for _ in range(3):
            builders.pair(session, round_id=row.id, artifacts=site.artifacts)
        totals.refresh(session, row)
        builders.study(
            session, name="A study with a rather long name about landscapes", question="Which one is calmer?"
        )
        return row


@pytest.fixture
def trained(site, me):
    """A round of mine that has trained, with pictures before and after."""
    with transaction(site.sessions) as session:
        study = builders.study(session, name="Landscapes")
        checkpoint = scenes.checkpoint(session, study, artifacts=site.artifacts)
        row = session.get_one(Round, session.get_one(TrainingRun, checkpoint.training_run_id).round_id)
        participations.of(session, study_id=study.id, user=me)
        pair_id = session.scalars(select(Pair.id).where(Pair.round_id == row.id)).first()
        builders.choice(session, pair_id=pair_id, user_id=me.id)
        return row


def test_the_start_page_tells_where_i_am(open_as, me, round_, trained, look):
    page = open_as(me, "/", **look)
    expect(page.get_by_role("progressbar", name="3 pairs left for you")).to_be_visible()
    expect(page.get_by_text("7 of 10")).to_be_visible()
    expect(page.get_by_text("Round 1 of “Landscapes” has trained.")).to_be_visible()
    picture(page, "home")
    page.get_by_role("link", name="See what has changed").click()
    expect(page.locator(".before-after__picture")).to_have_count(8)
    for image in page.locator(".before-after__picture").all():
        assert image.evaluate("e => e.decode().then(() => e.naturalWidth > 0)")
        page.wait_for_function(WHOLE_PIXELS, arg=image.element_handle())
    picture(page, "thanks")
    page.get_by_role("link", name="To my studies").click()
    expect(page.get_by_text("has trained")).to_have_count(0)


def test_days_are_those_of_the_readers_time_zone(open_as, me, round_):
    page = open_as(me, "/", timezone_id="Pacific/Auckland")
    page.wait_for_function("document.cookie.includes('tastemaker_timezone=Pacific/Auckland')")


@pytest.mark.parametrize("look", LOOKS[::3], indirect=True)
def test_with_the_wanted_number_the_pair_page_leads_to_the_code(site, open_as, me, round_, look):
    with transaction(site.sessions) as session:
        invite, _ = invites.make(
            session, name="Panel", actor=None, study_id=round_.study_id, choices_wanted=9, completion_code="C0DE-7",
            return_url="https://panel.test/done",
        )  # fmt: skip
        used = builders.now() - timedelta(days=2)
        session.add(InviteUse(invite_id=invite.id, user_id=me.id, participant="p", used_at=used))
    page = open_as(me, f"/annotate/{round_.study_id}", **look)
    wait_for_pair(page)
    answer_by(page, lambda: page.keyboard.press("1"))
    expect(page.get_by_text("as many pairs as were asked for")).to_be_hidden()
    answer_by(page, lambda: page.keyboard.press("1"))
    expect(page.get_by_text("as many pairs as were asked for")).to_be_visible()
    page.wait_for_timeout(500)
    picture(page, "pair-reached")
    page.get_by_role("link", name="Finish").click()
    expect(page.get_by_text("C0DE-7")).to_be_visible()
    expect(page.get_by_role("link", name="Back to where you came from")).to_have_attribute(
        "href", "https://panel.test/done"
    )
    picture(page, "finish")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_annotators_pages_fit_in_german(open_as, me, round_, trained, size):
    page = open_as(me, "/", locale="de-DE", **size)
    expect(page.get_by_role("heading", name="Meine Studien")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    picture(page, "home-de")
    for name, path in places(round_, trained).items():
        page.goto(path)
        page.wait_for_timeout(500)
        picture(page, f"{name}-de")
    page.goto(f"/annotate/{round_.study_id}")
    wait_for_pair(page)
    expect(page.locator(".pair-bar").get_by_role("button", name="Auslassen")).to_be_visible()
    picture(page, "pair-de")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_annotators_pages_turn_for_languages_from_right_to_left(open_as, me, round_, trained, size):
    page = open_as(me, "/", **size)
    width = page.viewport_size["width"]
    for name, path in {"home": "/", "pair": f"/annotate/{round_.study_id}", **places(round_, trained)}.items():
        page.goto(path)
        page.wait_for_timeout(500)
        mirrored(page)
        page.wait_for_timeout(200)
        picture(page, f"{name}-rtl")
        mark = page.locator("header img").first.bounding_box()
        assert mark["x"] > width / 2, f"the header of {name} does not turn"


@pytest.mark.parametrize("path", ["/admin", "/admin/studies/{study}", "/admin/studies/{study}/labeling", "/account"])
def test_other_pages_turn_too(site, open_as, round_, path):
    with transaction(site.sessions) as session:
        admin = builders.user(session, role=Role.ADMIN)
    page = open_as(admin, path.format(study=round_.study_id), viewport=PHONE)
    mirrored(page)
    picture(page, path.format(study="study").strip("/").replace("/", "-") + "-rtl")


def places(round_, trained):
    return {
        "thanks": f"/thanks/{trained.id}",
        "finish": f"/annotate/{round_.study_id}/finish",
        "before": f"/annotate/{round_.study_id}/before",
        "account": "/account",
    }
