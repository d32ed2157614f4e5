"""Nothing that was answered is lost: the network goes, the page is reloaded, the site says no."""

from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import select, update

from app.db import transaction
from app.models import Answer, Choice, Lease
from tests import builders
from tests.browser.annotate.steps import LEFT, answer_by, eventually, wait_for_pair


def test_answers_wait_while_the_network_is_away_and_arrive_in_order(page, stored):
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    answer_by(page, lambda: page.keyboard.press("1"))
    answer_by(page, lambda: page.keyboard.press("2"))
    page.keyboard.press("u")
    page.keyboard.press("0")
    expect(page.get_by_text("Not sent yet: 4")).to_be_visible()
    assert stored() == []
    page.context.set_offline(False)
    eventually(page, stored, ["left", "tie"])
    expect(page.get_by_text("Not sent yet")).to_be_hidden()


def test_with_no_network_and_no_pair_left_the_page_says_so_and_goes_on_by_itself(page):
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    for _ in range(5):  # more than lie ready
        page.wait_for_timeout(200)
        page.keyboard.press("1")
    expect(page.get_by_text("No connection")).to_be_visible()
    page.context.set_offline(False)
    wait_for_pair(page)


def test_answers_that_were_not_sent_survive_a_reload(page, stored):
    page.wait_for_timeout(500)
    page.route("**/choice*", lambda route: route.abort())
    answer_by(page, lambda: page.keyboard.press("1"))
    answer_by(page, lambda: page.keyboard.press("2"))
    assert stored() == []
    page.unroute("**/choice*")
    page.reload()
    wait_for_pair(page)
    eventually(page, stored, ["left", "right"])


def test_a_site_in_trouble_is_asked_again(page, stored):
    page.wait_for_timeout(500)
    failures = []

    def fail_twice(route):
        failures.append(route.request.method)
        route.fulfill(status=503) if len(failures) <= 2 else route.continue_()

    page.route("**/choice*", fail_twice)
    answer_by(page, lambda: page.keyboard.press("1"))
    eventually(page, stored, ["left"])
    assert len(failures) == 3


def test_an_answer_that_got_through_without_its_reply_is_stored_once(page, site):
    page.wait_for_timeout(500)
    sent = []

    def lose_first_reply(route):
        sent.append(route.request.post_data)
        if len(sent) > 1:
            return route.continue_()
        route.fetch()
        return route.abort()

    page.route("**/choice*", lose_first_reply)
    answer_by(page, lambda: page.keyboard.press("1"))

    def all_choices():
        with transaction(site.sessions) as session:
            return len(session.scalars(select(Choice)).all())

    eventually(page, lambda: len(sent), 2)
    assert sent[0] == sent[1]
    expect(page.get_by_text("Not sent yet")).to_be_hidden()
    assert all_choices() == 1


def test_a_pair_that_was_answered_elsewhere_keeps_that_answer_and_the_page_goes_on(page, site, me, stored):
    page.wait_for_timeout(500)
    with transaction(site.sessions) as session:
        lease = session.scalars(select(Lease).order_by(Lease.id)).first()
        builders.choice(session, lease_id=lease.id, answer=Answer.BOTH_BAD)
    answer_by(page, lambda: page.keyboard.press("1"))
    expect(page.get_by_text("your first answer stands")).to_be_visible()
    answer_by(page, lambda: page.keyboard.press("2"))
    eventually(page, stored, ["both_bad", "right"])


def test_two_tabs_share_what_is_not_sent(page, stored, study):
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    answer_by(page, lambda: page.keyboard.press("1"))
    page.context.set_offline(False)
    other = page.context.new_page()
    other.goto(f"/annotate/{study}")
    wait_for_pair(other)
    eventually(other, stored, ["left"])
    answer_by(other, lambda: other.click(LEFT))
    eventually(other, stored, ["left", "left"])


def test_a_lease_that_ran_out_while_nobody_looked_costs_no_answer(page, site, stored):
    page.wait_for_timeout(500)
    with transaction(site.sessions) as session:
        session.execute(update(Lease).values(expires_at=builders.now() - timedelta(seconds=200)))
    answer_by(page, lambda: page.keyboard.press("1"))
    eventually(page, stored, ["left"])
