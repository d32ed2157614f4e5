"""A blind comparison as people use it: launched by the form, judged on the pair page, its rate watched meanwhile."""

import pytest
from playwright.sync_api import expect

from app.db import transaction
from app.models import Checkpoint, Role, User
from app.services import evaluation_results
from app.web.words import percent
from tests import builders, scenes
from tests.browser.annotate.steps import answer_by, wait_for_pair


@pytest.fixture
def admin(site) -> User:
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.ADMIN, handle="mara")


@pytest.fixture
def made(site) -> Checkpoint:
    """A checkpoint of a study with all its evaluation pictures, and those of the base: four pairs."""
    with transaction(site.sessions) as session:
        study = builders.study(session, settings=builders.settings(sampling={"eval_draws": 1}))
        return scenes.checkpoint(session, study, artifacts=site.artifacts, draws=1)


def test_an_annotator_judges_a_comparison_and_the_admin_sees_who_wins(site, open_as, admin, made):
    page = open_as(admin, f"/admin/studies/{made.study_id}")
    page.get_by_role("button", name="Start the comparison").click()
    page.wait_for_url("**/admin/rounds/*")
    round_id = int(page.url.rsplit("/", 1)[1])
    expect(page.get_by_text("Nobody has decided between the two yet.")).to_be_visible()

    with transaction(site.sessions) as session:
        annotator = builders.user(session, handle="ada")
    pairs = open_as(annotator, f"/annotate/{made.study_id}")
    wait_for_pair(pairs)
    for _ in range(3):
        answer_by(pairs, lambda: pairs.keyboard.press("1"))
    expect(page.locator("#round-comparison .rate")).to_be_visible()
    pairs.wait_for_timeout(200)
    pairs.keyboard.press("1")

    expect(page.get_by_role("link", name="Compare again")).to_be_visible()  # the round is over, and nobody reloaded
    with transaction(site.sessions) as session:
        found = evaluation_results.of_round(session, round_id)
    assert found.tally.rate.of == 4
    expect(page.locator(".rate__names")).to_contain_text(f"{percent(found.tally.rate.value)} checkpoint 1")
    page.reload()
    expect(page.locator(".duel img")).to_have_count(8)
    expect(page.locator(".duel__one--won")).to_have_count(4)
