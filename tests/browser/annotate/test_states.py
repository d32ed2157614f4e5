"""What stands where there is no pair, and what the page never tells."""

import re

from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import Hold, Lease, Pair, Round, RoundState
from app.web.pictures import PictureLinks
from tests import builders
from tests.browser.annotate.steps import answer_by, eventually, wait_for_pair


def test_the_end_says_so_and_new_pairs_appear_by_themselves(page, site, study, stored):
    for _ in range(6 - 1):
        answer_by(page, lambda: page.keyboard.press("1"))
    page.wait_for_timeout(200)
    page.keyboard.press("1")
    expect(page.get_by_text("All done, thank you")).to_be_visible()
    eventually(page, stored, ["left"] * 6)
    with transaction(site.sessions) as session:
        for round_ in session.scalars(select(Round)):
            round_.state, round_.ended_at = RoundState.COMPLETE, builders.now()
        session.flush()
        new = builders.round_(session, study_id=study)
        builders.pair(session, round_id=new.id, artifacts=site.artifacts)
    wait_for_pair(page)


def test_a_paused_study_says_so_and_goes_on(open_as, me, site, study):
    with transaction(site.sessions) as session:
        session.scalars(select(Round)).one().hold = Hold.PAUSED
    page = open_as(me, f"/annotate/{study}")
    expect(page.get_by_text("This study is paused")).to_be_visible()
    with transaction(site.sessions) as session:
        session.scalars(select(Round)).one().hold = Hold.NONE
    wait_for_pair(page)


def test_leases_are_kept_only_while_someone_looks_and_does_something(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/renew") else None)
    page.clock.install()
    page.reload()
    wait_for_pair(page)
    page.mouse.move(100, 100)
    page.clock.run_for(61_000)
    assert len(asked) == 1
    page.clock.run_for(600_000)
    idle = len(asked)
    assert idle <= 2
    page.mouse.move(200, 200)
    page.clock.run_for(61_000)
    assert len(asked) == idle + 1


def test_leaving_gives_the_leases_back(page, site):
    page.goto("/")
    page.wait_for_timeout(500)
    with transaction(site.sessions) as session:
        live = session.scalars(select(Lease).where(Lease.expires_at > builders.now())).all()
    assert live == []


def test_nothing_on_the_page_or_in_its_requests_tells_a_sample(page, site):
    links = PictureLinks(site.settings)
    with transaction(site.sessions) as session:
        samples = {i for pair in session.scalars(select(Pair)) for i in (pair.first_id, pair.second_id)}
    seen = [links.read(img.get_attribute("src").removeprefix("/i/")) for img in page.locator(".pair-picture img").all()]
    assert {shown.sample_id for shown in seen} <= samples
    html = page.content()
    assert not re.search(r"sample|checkpoint|\.webp|polic", html)
