"""Signing in by a form, without scripts, and what an attacker would try at it."""

import re

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from app.db import transaction
from app.main import create_app
from app.models import LinkPurpose
from app.services import accounts, limits, links
from app.web.identity import COOKIE
from app.web.sign_in_form import local_path
from tests import builders
from tests.app.web.conftest import Client

GOOD = "violet teapot orbit"
CHEAP = PasswordHasher.from_parameters(CHEAPEST).hash(GOOD)


@pytest.fixture
def ada(factory):
    with transaction(factory) as session:
        return builders.user(session, handle="ada", email="ada@example.org", password_hash=CHEAP)


def enter(client, name="ada", password=GOOD, **fields):
    return client.submit("/sign-in", name=name, password=password, **fields)


@pytest.mark.parametrize("path", ["/", "/sign-in"])
def test_the_form_stands_on_the_start_page_and_on_its_own(anonymous, path):
    page = anonymous.get(path).text
    assert 'action="/sign-in"' in page
    assert 'autocomplete="current-password"' in page
    assert "/sign-up" not in page
    assert "/outside" not in page


@pytest.mark.parametrize("name", ["ada", "ADA@example.org"])
def test_name_and_password_sign_in(anonymous, ada, name):
    answer = enter(anonymous, name)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "ada" in anonymous.get("/account").text.lower()


def test_the_next_page_is_the_one_that_was_asked_for(anonymous, ada):
    asked = anonymous.get("/account?x=1")
    assert asked.status_code == 401
    next_ = re.search(r'name="next" value="([^"]+)"', asked.text).group(1)
    assert enter(anonymous, next=next_).headers["location"] == "/account?x=1"


@pytest.mark.parametrize(
    "next_",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/%0d\n", "javascript:alert(1)", "", "x", "\t/x"],
)
def test_nobody_is_sent_to_another_site(anonymous, ada, next_):
    assert enter(anonymous, next=next_).headers["location"] == "/"
    assert local_path(next_) == "/"


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", GOOD), ("", "")])
def test_what_is_wrong_is_said_in_the_same_words_and_the_name_is_kept(anonymous, ada, name, password):
    answer = enter(anonymous, name, password)
    assert answer.status_code == 401
    assert "The name or the password is not right." in answer.text
    assert f'value="{name}"' in answer.text
    assert COOKIE not in answer.cookies


def test_after_too_many_tries_the_page_says_when_to_come_back(anonymous, ada):
    for _ in range(limits.NAME_HERE.amount):
        assert enter(anonymous, password="wrong").status_code == 401
    locked = enter(anonymous)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 300
    assert "Try again in" in locked.text
    assert enter(anonymous, "grace").status_code == 401


def test_a_session_that_came_along_is_never_taken_over(anonymous, ada, annotator):
    before = annotator.cookies[COOKIE]
    assert enter(annotator).status_code == 303
    after = [cookie.value for cookie in annotator.cookies.jar if cookie.name == COOKIE][-1]
    assert after != before
    planted = Client(annotator.app)
    planted.cookies.set(COOKIE, before)
    assert planted.get("/account").status_code == 401


def test_the_form_needs_its_token_and_our_own_page(anonymous, ada):
    fields = {"name": "ada", "password": GOOD}
    assert anonymous.post("/sign-in", data=fields).status_code == 403
    fields["csrf_token"] = anonymous.csrf_token()
    assert anonymous.post("/sign-in", data=fields, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert anonymous.post("/sign-in", data=fields, headers={"origin": "https://evil.example"}).status_code == 403
    assert anonymous.post("/sign-in", data=fields).status_code == 303


@pytest.mark.parametrize("path", ["/sign-in", "/account", "/join/x", "/reset/x", "/back/x", "/admin/invites"])
def test_pages_with_secrets_are_kept_by_no_cache_and_name_no_address_elsewhere(anonymous, path):
    headers = anonymous.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"


def test_signing_up_is_closed_unless_the_operator_opens_it(anonymous, settings):
    assert anonymous.get("/sign-up").status_code == 404
    assert anonymous.submit("/sign-up", handle="eve", password=GOOD).status_code == 404


@pytest.fixture
def open_site(settings):
    app = create_app(settings.with_values(open_sign_up=True))
    yield Client(app)
    app.state.engine.dispose()


def test_an_open_site_takes_anyone_in(open_site):
    assert 'href="/sign-up"' in open_site.get("/").text
    answer = open_site.submit("/sign-up", handle="eve", email="eve@example.org", password=GOOD, next="/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert "eve@example.org" in open_site.get("/account").text


def test_what_cannot_be_used_is_said_beside_its_field_and_the_rest_is_kept(open_site, factory):
    with transaction(factory) as session:
        builders.user(session, handle="eve")
    answer = open_site.submit("/sign-up", handle="Eve", email="new@example.org", password=GOOD)
    assert answer.status_code == 409
    assert "This is taken already." in answer.text
    assert 'value="new@example.org"' in answer.text
    assert GOOD not in answer.text
    assert open_site.submit("/sign-up", handle="eve2", password="short").status_code == 422


def linked(factory, purpose, **columns):
    with transaction(factory) as session:
        user = builders.user(session, **columns)
        return user, links.make(session, user=user, purpose=purpose, actor=None)


def test_a_reset_link_asks_for_a_good_password_sets_it_and_signs_in(anonymous, factory):
    user, token = linked(factory, LinkPurpose.RESET, handle="grace", password_hash=CHEAP)
    with transaction(factory) as session:
        elsewhere = accounts.open_session(session, user=user)
    link = f"/reset/{token}"
    assert "Grace" in anonymous.get(link).text
    weak = anonymous.submit(link, password="short")
    assert (weak.status_code, "At least 10 characters" in weak.text) == (422, True)
    assert anonymous.submit(link, password="seven quiet engines").status_code == 303
    assert anonymous.get("/account").status_code == 200
    assert anonymous.get(link).status_code == 410
    with transaction(factory) as session:
        assert accounts.signed_in(session, elsewhere) is None
    assert enter(Client(anonymous.app), "grace", "seven quiet engines").status_code == 303


def test_a_personal_link_brings_a_guest_back_as_often_as_it_is_opened(anonymous, factory):
    _, token = linked(factory, LinkPurpose.PERSONAL, display_name="Ada", is_guest=True)
    for _ in range(2):
        client = Client(anonymous.app)
        assert "Ada" in client.get(f"/back/{token}").text
        assert client.get("/account").status_code == 401  # looking does nothing
        assert client.submit(f"/back/{token}").status_code == 303
        assert client.get("/account").status_code == 200
