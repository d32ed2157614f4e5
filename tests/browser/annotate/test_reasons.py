"""Why: asked beside the next pair, sent like an answer, holding up nothing."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import Choice
from tests.browser.annotate.steps import answer_by, eventually, wait_for_pair

REASONS = ["Closer to the prompt", "More beautiful"]


@pytest.fixture
def study(make_study) -> int:
    return make_study(reasons=REASONS, ask_comment=True)


@pytest.fixture
def said(site):
    """Reasons and comment of the standing choices, in order."""

    def read():
        with transaction(site.sessions) as session:
            rows = session.scalars(select(Choice).where(Choice.undone_at.is_(None)).order_by(Choice.id))
            return [(choice.reasons, choice.comment or "") for choice in rows]

    return read


def test_nothing_is_asked_before_the_first_answer_or_where_the_study_does_not_ask(page, open_as, me, make_study):
    expect(page.get_by_role("checkbox", name="More beautiful")).to_be_hidden()
    plain = open_as(me, f"/annotate/{make_study()}")
    wait_for_pair(plain)
    expect(plain.get_by_role("checkbox")).to_have_count(0)


def test_tags_and_a_text_explain_the_answer_before_while_the_next_pair_stands_there(page, said):
    answer_by(page, lambda: page.keyboard.press("1"))
    page.locator(".pair-tag", has_text="More beautiful").click()
    page.get_by_label("in your own words").fill("  the eyes ")
    page.keyboard.press("Enter")
    eventually(page, said, [(["More beautiful"], "the eyes")])
    answer_by(page, lambda: page.keyboard.press("2"))
    expect(page.get_by_role("checkbox", name="More beautiful")).not_to_be_checked()
    eventually(page, said, [(["More beautiful"], "the eyes"), ([], "")])


def test_keys_set_tags_and_lead_to_the_text(page, said, stored):
    answer_by(page, lambda: page.keyboard.press("1"))
    page.keyboard.press("3")
    eventually(page, said, [(["Closer to the prompt"], "")])
    page.keyboard.press("c")
    page.keyboard.type("1 and 2")
    page.keyboard.press("Enter")
    eventually(page, said, [(["Closer to the prompt"], "1 and 2")])
    answer_by(page, lambda: page.keyboard.press("2"))
    eventually(page, stored, ["left", "right"])


def test_a_text_that_is_being_written_goes_to_the_answer_before(page, said):
    answer_by(page, lambda: page.keyboard.press("1"))
    page.get_by_label("in your own words").fill("colours")
    answer_by(page, lambda: page.click(".pair-picture[data-answer=right]"))
    eventually(page, said, [([], "colours"), ([], "")])


def test_reasons_wait_with_the_answers_while_the_network_is_away(page, said):
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    answer_by(page, lambda: page.keyboard.press("1"))
    page.keyboard.press("3")
    page.keyboard.press("4")
    page.keyboard.press("3")
    expect(page.get_by_text("Not sent yet: 2")).to_be_visible()
    page.context.set_offline(False)
    eventually(page, said, [(["More beautiful"], "")])


def test_undo_takes_the_reasons_along_and_asks_about_the_one_before(page, said):
    answer_by(page, lambda: page.keyboard.press("1"))
    page.keyboard.press("3")
    answer_by(page, lambda: page.keyboard.press("2"))
    page.keyboard.press("4")
    page.keyboard.press("u")
    expect(page.get_by_role("checkbox", name="Closer to the prompt")).to_be_checked()
    expect(page.get_by_role("checkbox", name="More beautiful")).not_to_be_checked()
    eventually(page, said, [(["Closer to the prompt"], "")])


def test_without_javascript_reasons_are_a_form(open_as, me, study, said):
    page = open_as(me, f"/annotate/{study}", java_script_enabled=False)
    with page.expect_navigation():
        page.get_by_role("button", name="Equal").click()
    page.locator(".pair-tag", has_text="More beautiful").click()
    page.get_by_label("in your own words").fill("sharper")
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("checkbox", name="More beautiful")).to_be_checked()
    assert said() == [(["More beautiful"], "sharper")]
