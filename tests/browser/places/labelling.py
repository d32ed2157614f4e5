"""Places of an annotator: their studies, what comes before a pair, the pair, the end, the account."""

from playwright.sync_api import Page, expect

from app.models import Hold, Role
from tests import builders
from tests.browser.annotate.steps import LEFT, wait_for_pair
from tests.browser.places.registry import place
from tests.browser.places.worked_on import studied, trained

TEXT = "Look at the **whole** picture.\n\n## Better\n\n- sharp\n\n| you see | say |\n| --- | --- |\n| two | Equal |\n"


@place("/", Role.ANNOTATOR)
def my_studies(session, artifacts, me):
    studied(session, artifacts, me)
    trained(session, artifacts, me)
    builders.study(session, name="Nothing to do yet")
    return "/"


@place("/", Role.ANNOTATOR)
def no_study_yet(session, artifacts, me):
    return "/"


@place("/annotate/{study_id}/before", Role.ANNOTATOR)
def guidelines_and_consent(session, artifacts, me):
    labeling = {"guidelines": TEXT, "consent": "You may **stop** at any time."}
    study = builders.study(session, settings=builders.settings(labeling=labeling))
    builders.pair(session, round_id=builders.round_(session, study_id=study.id).id)
    return f"/annotate/{study.id}/before"


@place("/annotate/{study_id}", Role.ANNOTATOR, wait_for_pair)
def a_pair(session, artifacts, me):
    return f"/annotate/{studied(session, artifacts, me).study_id}"


@place("/annotate/{study_id}", Role.ANNOTATOR, wait_for_pair)
def a_pair_with_a_very_long_prompt(session, artifacts, me):
    prompts = builders.prompt_set(session, prompts=["a lighthouse keeper looks over a stormy sea, " * 12])
    study = builders.study(session, prompt_set_id=prompts.id)
    builders.pair(session, round_id=builders.round_(session, study_id=study.id).id, artifacts=artifacts)
    return f"/annotate/{study.id}"


@place("/annotate/{study_id}", Role.ANNOTATOR, lambda page: _answer_one(page))
def a_pair_after_an_answer_with_reasons(session, artifacts, me):
    labeling = {"reasons": ["sharper", "truer to the words"], "ask_comment": True, "guidelines": ""}
    return f"/annotate/{studied(session, artifacts, me, **labeling).study_id}"


def _answer_one(page: Page) -> None:
    wait_for_pair(page)
    page.wait_for_timeout(300)
    before = page.locator(f"{LEFT} img").get_attribute("src")
    page.keyboard.press("1")
    expect(page.locator(f'{LEFT} img[src="{before}"]')).to_have_count(0)
    page.wait_for_timeout(500)


@place("/annotate/{study_id}", Role.ANNOTATOR, lambda page: _press(page, "?"))
def help_over_a_pair(session, artifacts, me):
    return f"/annotate/{studied(session, artifacts, me).study_id}"


@place("/annotate/{study_id}", Role.ANNOTATOR, lambda page: _press(page, "z"))
def a_pair_zoomed(session, artifacts, me):
    return f"/annotate/{studied(session, artifacts, me).study_id}"


def _press(page: Page, key: str) -> None:
    wait_for_pair(page)
    page.keyboard.press(key)
    page.wait_for_timeout(300)


@place("/annotate/{study_id}", Role.ANNOTATOR)
def nothing_left(session, artifacts, me):
    return f"/annotate/{builders.round_(session).study_id}"


@place("/annotate/{study_id}", Role.ANNOTATOR)
def a_study_on_hold(session, artifacts, me):
    return f"/annotate/{builders.round_(session, hold=Hold.PAUSED).study_id}"


@place("/annotate/{study_id}/finish", Role.ANNOTATOR)
def the_end(session, artifacts, me):
    return f"/annotate/{studied(session, artifacts, me).study_id}/finish"


@place("/thanks/{round_id}", Role.ANNOTATOR)
def thanks(session, artifacts, me):
    return f"/thanks/{trained(session, artifacts, me).id}"


@place("/account", Role.ANNOTATOR)
def my_account(session, artifacts, me):
    return "/account"


@place("/admin", Role.ANNOTATOR)
def a_page_that_is_not_mine(session, artifacts, me):
    return "/admin"


@place("/annotate/{study_id}", Role.ANNOTATOR)
def a_page_that_does_not_exist(session, artifacts, me):
    return "/annotate/999999"
