"""Coming in, signing in and looking after people, as it is seen and clicked."""

import re

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from playwright.sync_api import expect

from app.db import transaction
from app.models import Role, User
from app.services import accounts, invites
from tests import builders, scenes
from tests.browser.looks import LOOKS, picture

GOOD = "violet teapot orbit"
CHEAP = PasswordHasher.from_parameters(CHEAPEST).hash(GOOD)


@pytest.fixture(params=[LOOKS[0], LOOKS[-1]])
def look(request):
    return request.param


@pytest.fixture
def study(site):
    with transaction(site.sessions) as session:
        return scenes.open_study(session, site.artifacts)


def person(site, **columns):
    with transaction(site.sessions) as session:
        return builders.user(session, **columns)


def invite(site, **options):
    with transaction(site.sessions) as session:
        return "/join/" + invites.make(session, **{"name": "Friends", "actor": None, **options})[1]


def test_an_invite_leads_a_guest_to_the_study_and_the_personal_link_back(site, open_as, study, look):
    page = open_as(None, invite(site, study_id=study.id, choices_wanted=50), **look)
    expect(page.get_by_role("heading", name="Which picture is livelier?")).to_be_visible()
    picture(page, "join")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Begin").click()

    expect(page.get_by_role("heading", name="Welcome, Ada")).to_be_visible()
    link = page.locator("#secret-link").inner_text()
    picture(page, "welcome")
    page.get_by_role("link", name="Begin").click()
    expect(page).to_have_url(re.compile(f"/annotate/{study.id}"))

    again = open_as(None, link.removeprefix(site.url), **look)
    again.get_by_role("button", name="Go on").click()
    again.goto("/account")
    expect(again.get_by_role("heading", name="Ada", exact=True)).to_be_visible()
    picture(again, "account-guest")


def test_a_guest_makes_an_account_and_signs_in_with_it(site, open_as, look):
    with transaction(site.sessions) as session:
        guest = accounts.add_guest(session, display_name="Ada", role=Role.ANNOTATOR, actor=None)
    page = open_as(guest, "/account", **look)
    form = page.locator("form[action='/account/make-account']")
    form.get_by_label("Name").fill("ada")
    form.get_by_label("Password").fill("password123")
    form.get_by_role("button", name="Make an account").click()
    expect(page.get_by_text("first that anyone would try")).to_be_visible()
    form.get_by_label("Password").fill(GOOD)
    form.get_by_role("button", name="Make an account").click()
    expect(page.get_by_text("You have an account now")).to_be_visible()
    picture(page, "account")
    page.get_by_role("button", name="Sign out", exact=True).click()

    page.get_by_label("Name or e-mail").fill("ADA")
    page.get_by_label("Password").fill(GOOD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Ada", exact=True)).to_be_visible()


def test_a_page_that_needs_someone_asks_in_place_and_goes_on(site, open_as, look):
    person(site, handle="ada", password_hash=CHEAP)
    page = open_as(None, "/account", **look)
    page.get_by_label("Name or e-mail").fill("ada")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("The name or the password is not right.")).to_be_visible()
    expect(page.get_by_label("Name or e-mail")).to_have_value("ada")
    picture(page, "sign-in-wrong")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{site.url}/account")


def test_the_start_page_and_signing_in_need_no_scripts(site, open_as, look):
    person(site, handle="ada", password_hash=CHEAP)
    page = open_as(None, "/", java_script_enabled=False, **look)
    picture(page, "start")
    page.get_by_label("Name or e-mail").fill("ada")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("link", name="Ada")).to_be_visible()


def test_an_admin_makes_an_invite_and_takes_it_back(site, open_as, study, look):
    admin = person(site, role=Role.ADMIN, handle="boss")
    page = open_as(admin, "/admin/invites", **look)
    page.get_by_label("Name", exact=True).fill("Class 7b")
    page.get_by_label("Study").select_option(label="Emoji")
    page.get_by_label("Uses").fill("25")
    page.get_by_text("For a paid panel").click()
    page.get_by_label("Choices asked for").fill("50")
    picture(page, "invite-form")
    page.get_by_role("button", name="Make the invite").click()

    expect(page.get_by_text("Class 7b is ready")).to_be_visible()
    code = page.get_by_role("img", name="The same link as a QR code")
    expect(code.locator("svg")).to_be_visible()
    box = code.bounding_box()
    assert box
    assert box["width"] >= 150
    picture(page, "invite-made")
    link = page.locator("#secret-link").inner_text()
    page.reload()
    expect(page.locator("#secret-link")).to_have_count(0)

    page.get_by_role("button", name="Take back Class 7b").click()
    expect(page.get_by_text("taken back")).to_be_visible()
    refused = open_as(None, link.removeprefix(site.url), **look)
    expect(refused.get_by_text("This invite was taken back.")).to_be_visible()


def test_an_admin_looks_after_people(site, open_as, look):
    admin = person(site, role=Role.ADMIN, handle="boss", display_name="Boss")
    ada = person(site, handle="ada", display_name="Ada L.", email="ada@example.org", password_hash=CHEAP)
    with transaction(site.sessions) as session:
        accounts.add_guest(session, display_name="Grace", role=Role.ANNOTATOR, actor=None)
        accounts.open_session(session, user=session.merge(ada), agent="Firefox, Android")
    page = open_as(admin, "/", **look)
    page.get_by_role("link", name="People").click()
    expect(page.get_by_role("row")).to_have_count(4)
    picture(page, "people")
    page.get_by_role("link", name="Ada L.").click()

    page.get_by_label("Role").select_option("researcher")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("annotator → researcher")).to_be_visible()
    page.get_by_role("button", name="Make a reset link").click()
    expect(page.locator("#secret-link")).to_contain_text("/reset/")
    picture(page, "person")
    reset = page.locator("#secret-link").inner_text()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("button", name="Let in again")).to_be_visible()

    refused = open_as(None, reset.removeprefix(site.url), **look)
    expect(refused.get_by_text("This link no longer works.")).to_be_visible()
    with transaction(site.sessions) as session:
        assert session.get_one(User, ada.id).role is Role.RESEARCHER


def test_a_reset_link_sets_a_password(site, open_as, look):
    admin, ada = person(site, role=Role.ADMIN), person(site, handle="ada")
    boss = open_as(admin, f"/admin/users/{ada.id}", **look)
    boss.get_by_role("button", name="Make a reset link").click()
    link = boss.locator("#secret-link").inner_text()
    page = open_as(None, link.removeprefix(site.url), **look)
    picture(page, "reset")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("link", name="Ada")).to_be_visible()


def test_the_link_is_copied_by_its_button(site, open_as):
    admin = person(site, role=Role.ADMIN)
    page = open_as(admin, "/admin/invites", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("Name", exact=True).fill("Friends")
    page.get_by_role("button", name="Make the invite").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#secret-link").inner_text()
