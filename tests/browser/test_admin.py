"""The admin's pages as people use them: a study made by the form, a round that moves while one watches."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.db import transaction
from app.models import Hold, Job, JobKind, Metric, Role, Round, RunState, Study, TrainingRun, User
from app.paths import DEMO
from tests import builders, scenes

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def admin(site) -> User:
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.ADMIN, handle="mara")


@pytest.fixture
def labeling(site) -> Round:
    """A round in labeling, on hold so that nothing but the test moves it."""
    with transaction(site.sessions) as session:
        study = builders.study(session)
        return scenes.labeling_round(session, study, pairs=4, closed=1, artifacts=site.artifacts)


def answer_one(site, round_: Round) -> None:
    with transaction(site.sessions) as session:
        person = builders.user(session, handle="late arrival")
        chunk = session.scalars(select(Job.id).where(Job.round_id == round_.id, Job.kind == JobKind.CHUNK)).first()
        scenes.answered(session, session.get_one(Round, round_.id), person, artifacts=site.artifacts, job_id=chunk)


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def test_a_study_is_made_by_the_form_after_its_faults_are_corrected(site, open_as, admin):
    page = open_as(admin, "/admin")
    page.get_by_role("link", name="New study").click()
    page.get_by_label("Name", exact=True).fill("Owls")
    page.get_by_label("Question", exact=True).fill("Which owl is kinder?")
    page.get_by_label("Folder or hub id").fill("/no/such/folder")
    page.get_by_label("One prompt a line").fill("owl\n3d owl")
    page.get_by_role("button", name="Make the study").click()

    expect(page.get_by_text("There is no folder /no/such/folder")).to_be_visible()
    expect(page.get_by_label("One prompt a line")).to_have_value("owl\n3d owl")
    page.get_by_label("Folder or hub id").fill(str(DEMO / "model"))
    page.get_by_label("Learning rate").fill("0.0005")
    page.get_by_role("button", name="Make the study").click()

    page.wait_for_url(re.compile(r"/admin/studies/\d+$"))
    expect(page.get_by_role("heading", name="Owls")).to_be_visible()
    with transaction(site.sessions) as session:
        study = session.scalars(select(Study)).one()
    assert (study.question, study.settings["training"]["learning_rate"]) == ("Which owl is kinder?", 0.0005)


def test_another_preset_shows_its_values_without_losing_what_was_written(open_as, admin):
    page = open_as(admin, "/admin/studies/new")
    page.get_by_label("Name", exact=True).fill("Owls")
    page.get_by_label("Steps", exact=False).first.fill("12")
    page.get_by_label("Preset").select_option("paper")
    groups = page.locator("[name='sampling.groups']")
    expect(groups).to_have_attribute("placeholder", "80")
    expect(page.locator("[name='sampling.steps']")).to_have_value("12")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Owls")


def test_a_watched_round_moves_without_a_reload(site, open_as, admin, labeling):
    page = open_as(admin, f"/admin/rounds/{labeling.id}")
    page.evaluate("window.same = true")
    expect(page.locator("body")).to_have_attribute("data-live", "stream")
    expect(page.locator("#round-pictures img")).to_have_count(8)

    answer_one(site, labeling)

    expect(page.locator("#round-labeling")).to_contain_text("2 of 12")
    expect(page.locator("#round-labeling")).to_contain_text("Late Arrival")
    expect(page.locator("#round-pictures img")).to_have_count(10)
    page.get_by_text("Cancel…").click()
    with transaction(site.sessions) as session:
        session.get_one(Round, labeling.id).hold = Hold.PAUSED
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel the round")).to_be_visible()  # what was unfolded stays so
    expect(page.locator("#round-stages")).to_contain_text("Paused: no pairs are dealt")
    assert page.evaluate("window.same")


def test_the_stream_is_opened_however_late_its_script_comes(site, open_as, admin, labeling):
    page = open_as(admin)
    page.route("**/hx-sse.min.js*", lambda route: (page.wait_for_timeout(500), route.continue_()))
    page.goto(f"/admin/rounds/{labeling.id}")
    expect(page.locator("body")).to_have_attribute("data-live", "stream")


def test_where_the_stream_is_down_the_parts_ask_for_themselves(site, open_as, admin, labeling):
    page = open_as(admin)
    page.route("**/live/**", lambda route: route.abort())
    page.goto(f"/admin/rounds/{labeling.id}")
    answer_one(site, labeling)
    expect(page.locator("#round-labeling")).to_contain_text("2 of 12", timeout=20_000)
    expect(page.locator("body")).to_have_attribute("data-live", "poll")


def test_pausing_and_cancelling_work_without_scripts(site, open_as, admin, labeling):
    page = open_as(admin, f"/admin/rounds/{labeling.id}", java_script_enabled=False)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Cancel the round").click()
    expect(page.get_by_text("This round was cancelled.")).to_be_visible()


def test_a_curve_tells_its_value_where_the_pointer_is(site, open_as, admin):
    with transaction(site.sessions) as session:
        study = builders.study(session)
        round_ = scenes.training_round(
            session, study, steps=50, run_state=RunState.FAILED, hold=Hold.FAILED, hold_reason="It blew up."
        )
    page = open_as(admin, f"/admin/rounds/{round_.id}")
    loss = page.locator("#round-training .chart").first
    last = loss.locator("output").inner_text()
    loss.locator("svg").hover(position={"x": 60, "y": 40})
    expect(loss.locator("output")).to_contain_text("@")
    page.mouse.move(0, 0)
    expect(loss.locator("output")).to_have_text(last)


def test_a_curve_drawn_anew_beneath_the_pointer_goes_on_telling(site, open_as, admin):
    with transaction(site.sessions) as session:
        round_ = scenes.training_round(session, builders.study(session), steps=50)
    page = open_as(admin, f"/admin/rounds/{round_.id}")
    loss = page.locator("#round-training .chart").first
    curve = loss.locator("[data-points]").first
    loss.locator("svg").hover(position={"x": 60, "y": 40})
    before = curve.get_attribute("data-points")
    with transaction(site.sessions) as session:
        run = session.scalars(select(TrainingRun)).one()
        values = session.scalars(select(Metric).where(Metric.step == 50)).one().values
        session.add(Metric(training_run_id=run.id, step=51, values=values))
    page.locator("#round-training").dispatch_event("poll")
    expect(curve).not_to_have_attribute("data-points", before)
    expect(loss.locator("output")).to_contain_text("@")
    page.mouse.move(0, 0)
    expect(loss.locator("output")).not_to_contain_text("@")


def test_other_settings_open_from_the_button_that_offers_them(site, open_as, admin):
    with transaction(site.sessions) as session:
        study = builders.study(session)
        round_ = scenes.training_round(
            session, study, steps=5, run_state=RunState.FAILED, hold=Hold.FAILED, hold_reason="It blew up."
        )
    page = open_as(admin, f"/admin/rounds/{round_.id}")
    page.get_by_role("link", name="Train with other settings…").click()
    page.get_by_label("Learning rate").fill("0.00001")
    page.get_by_role("button", name="Start the run").click()
    expect(page.locator("#round-training")).to_contain_text("run 2")


@pytest.mark.parametrize("path", ["/admin", "/admin/studies/new", "/admin/studies/{study}", "/admin/rounds/{round}"])
def test_nothing_overflows_a_phone(site, open_as, admin, labeling, path):
    page = open_as(admin, path.format(study=labeling.study_id, round=labeling.id), **PHONE)
    assert overflow(page) <= 0


def test_the_checkpoint_page_copies_its_code_and_shows_before_in_place(site, open_as, admin):
    with transaction(site.sessions) as session:
        made = scenes.checkpoint(session, builders.study(session), draws=2, artifacts=site.artifacts)
    page = open_as(admin, f"/research/checkpoints/{made.id}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#code").inner_text()
    row = page.locator(".compare__row").first
    before, after = (row.locator("img").nth(place).get_attribute("src") for place in (0, 1))
    assert before != after
    row.locator("img").nth(1).hover()
    page.mouse.down()
    expect(row.locator("img").nth(1)).to_have_attribute("src", before)
    page.mouse.up()
    expect(row.locator("img").nth(1)).to_have_attribute("src", after)
    page.get_by_role("link", name="noise 2").click()
    expect(page.get_by_role("link", name="noise 2")).to_have_attribute("aria-current", "true")
    assert page.url.endswith(f"/research/checkpoints/{made.id}")
    assert overflow(page) <= 0
