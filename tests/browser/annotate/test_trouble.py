"""A browser that keeps nothing, pictures that do not come, a reload that overtakes: said, and never a loss."""

from playwright.sync_api import expect
from sqlalchemy import select, update

from app.db import transaction
from app.models import Lease, Participation
from app.services import studies
from tests import builders
from tests.browser.annotate.steps import LEFT, answer_by, eventually, wait_for_pair

FULL = "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }"
BLOCKED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
WARNING = "This browser keeps nothing for this site"


def test_a_browser_that_is_full_says_so_while_something_is_not_sent(page, stored):
    page.wait_for_timeout(500)
    page.evaluate(FULL)
    page.context.set_offline(True)
    answer_by(page, lambda: page.keyboard.press("1"))
    answer_by(page, lambda: page.keyboard.press("2"))
    expect(page.get_by_text(WARNING)).to_be_visible()
    expect(page.get_by_text("Not sent yet: 2")).to_be_visible()
    page.context.set_offline(False)
    eventually(page, stored, ["left", "right"])
    expect(page.get_by_text(WARNING)).to_be_hidden()


def test_a_browser_that_gives_no_storage_asks_before_answers_are_lost(open_as, me, study, stored):
    page = open_as(me, "/account")
    page.add_init_script(BLOCKED)
    page.goto(f"/annotate/{study}")
    wait_for_pair(page)
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    answer_by(page, lambda: page.keyboard.press("1"))
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.evaluate("location.href = '/'")
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    page.context.set_offline(False)
    eventually(page, stored, ["left"])


def test_pictures_that_do_not_come_are_tried_less_and_less_then_said_and_skipped(open_as, me, make_study, stored):
    page = open_as(me, "/account")
    tries = []
    page.route("**/i/*", lambda route: (tries.append(route.request.url), route.abort()))
    page.goto(f"/annotate/{make_study(pairs=1)}")
    expect(page.get_by_text("could not be loaded")).to_be_visible()
    tried = len(tries)
    page.wait_for_timeout(5000)
    assert len(tries) == tried  # it is left alone from then on
    expect(page.get_by_role("button", name="Equal")).to_be_hidden()
    page.keyboard.press("1")
    page.get_by_role("button", name="Go on without it").click()
    eventually(page, stored, ["skip"])


def test_pictures_that_come_after_all_are_shown(open_as, me, make_study, stored):
    page = open_as(me, "/account")
    page.route("**/i/*", lambda route: route.abort())
    page.goto(f"/annotate/{make_study(pairs=1, allow_skip=False)}")
    expect(page.get_by_text("could not be loaded")).to_be_visible()
    page.unroute("**/i/*")
    page.get_by_role("button", name="Try again").click()
    wait_for_pair(page)
    expect(page.get_by_text("could not be loaded")).to_be_hidden()
    page.wait_for_timeout(200)
    page.click(LEFT)
    eventually(page, stored, ["left"])


def test_a_reload_keeps_its_leases_however_late_the_page_before_gives_them_back(page, site):
    page.evaluate("() => { navigator.sendBeacon = (_, form) => sessionStorage.setItem('late', form.toString()); }")
    page.reload()
    wait_for_pair(page)
    before = live_leases(site)
    assert before
    given_back = page.evaluate(
        """async () => (await fetch('/api/v1/leases/give-back', {
             method: 'POST', body: new URLSearchParams(sessionStorage.getItem('late'))})).status"""
    )
    assert given_back == 204
    assert live_leases(site) == before


def test_guidelines_that_changed_are_shown_once_the_page_asks_for_more(page, site, study):
    page.wait_for_timeout(500)
    with transaction(site.sessions) as session:
        studies.change_labeling(session, study_id=study, labeling={"guidelines": "# Look at the hands"}, actor=None)
        session.execute(update(Participation).values(guidelines_sha256=None))
    for _ in range(4):
        page.wait_for_timeout(200)
        page.keyboard.press("1")
    expect(page.get_by_text("Look at the hands")).to_be_visible()


def live_leases(site) -> list[int]:
    with transaction(site.sessions) as session:
        rows = session.scalars(select(Lease.id).where(Lease.expires_at > builders.now()).order_by(Lease.id))
        return list(rows)
