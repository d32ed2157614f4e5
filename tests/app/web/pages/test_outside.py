"""Signing in through an OpenID Connect provider: a real one, small, on loopback."""

import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import select

from app.db import transaction
from app.errors import Unavailable
from app.main import TURNS, create_app
from app.models import Event, Role, User
from app.services import accounts, invites, people
from app.web import oidc
from app.web.identity import COOKIE
from tests import builders
from tests.app.web import oidc_provider
from tests.app.web.conftest import Client
from tests.app.web.oidc_provider import CLIENT_ID, CLIENT_SECRET


@pytest.fixture(scope="module")
def started():
    with oidc_provider.running() as provider:
        yield provider


@pytest.fixture
def provider(started):
    """The provider as it was made, with Ada at its page."""
    before = {name: getattr(started, name) for name in ("person", "key", "algorithm")}
    yield started
    vars(started).update(before, wrong={}, in_userinfo=set(), requests=[])


@pytest.fixture
def site(settings, provider):
    """`site(**settings)`: a browser in front of a site that uses the provider."""
    apps = []

    def client(**changes):
        ours = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
        apps.append(create_app(settings.with_values(**{**ours, "oidc_label": "Example Login", **changes})))
        return Client(apps[-1])

    yield client
    for app in apps:
        app.state.engine.dispose()


def leave(browser, path="/outside"):
    """Through the provider's page: the path that the browser comes back to."""
    left = browser.get(path)
    assert left.status_code == 303, left.text
    back = httpx2.get(left.headers["location"], follow_redirects=False).headers["location"]
    return "/outside/return?" + urlsplit(back).query


def through(browser, path="/outside"):
    return browser.get(leave(browser, path))


def users(factory_of):
    with transaction(factory_of.app.state.session_factory) as session:
        return session.scalars(select(User).order_by(User.id)).all()


def make(browser, **columns):
    with transaction(browser.app.state.session_factory) as session:
        return builders.user(session, **columns)


def test_the_button_is_there_and_leads_to_the_provider_with_pkce_state_and_nonce(site, provider):
    browser = site()
    page = browser.get("/sign-in?next=/account").text
    assert "Sign in with Example Login" in page
    assert 'href="/outside?next=/account"' in page.replace("%2F", "/")
    left = browser.get("/outside?next=/account")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(left.headers["location"]).query).items()}
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/outside/return"
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid email profile", "S256")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    cookie = left.headers["set-cookie"]
    assert asked["state"] not in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/outside", "Max-Age=600"))


def test_someone_new_comes_in_where_anyone_may(site, provider):
    browser = site(open_sign_up=True)
    back = through(browser, "/outside?next=/account")
    assert (back.status_code, back.headers["location"]) == (303, "/account")
    user = users(browser)[0]
    assert (user.handle, user.email, user.email_verified) == ("ada@example.org", "ada@example.org", True)
    assert (user.oidc_issuer, user.oidc_subject, user.role) == (provider.issuer, "ada-1", Role.ANNOTATOR)
    assert "Ada" in browser.get("/account").text


def test_the_same_subject_is_the_same_person_whatever_their_e_mail(site, provider):
    browser = site(open_sign_up=True)
    through(browser)
    provider.person = {"sub": "ada-1", "email": "new@example.org", "email_verified": True}
    through(Client(browser.app))
    assert [user.email for user in users(browser)] == ["ada@example.org"]


def test_someone_new_without_an_invite_is_refused(site, provider):
    browser = site()
    answer = through(browser)
    assert (answer.status_code, "not known here yet" in answer.text) == (403, True)
    assert users(browser) == []


@pytest.mark.parametrize(
    ("domains", "status"), [("example.org", 303), ("other.org, EXAMPLE.org", 303), ("ample.org", 403)]
)
def test_a_domain_of_the_operator_s_list_is_let_in(site, provider, domains, status):
    assert through(site(oidc_domains=domains)).status_code == status


def test_a_domain_counts_only_where_the_provider_verified_the_e_mail(site, provider):
    provider.person = {**provider.person, "email_verified": False}
    assert through(site(oidc_domains="example.org")).status_code == 403


def test_an_invite_lets_someone_new_in_and_is_then_joined(site, provider):
    browser = site()
    with transaction(browser.app.state.session_factory) as session:
        _, token = invites.make(session, name="Friends", actor=None, role=Role.RESEARCHER)
    back = through(browser, f"/outside?next=/join/{token}")
    assert back.headers["location"] == f"/join/{token}"
    assert browser.submit(f"/join/{token}").status_code == 303
    assert users(browser)[0].role is Role.RESEARCHER


@pytest.mark.parametrize(
    "columns",
    [
        {"handle": "Ada@example.org"},
        {"handle": "ada", "email": "ADA@example.org", "email_verified": True},
    ],
)
def test_an_e_mail_that_an_admin_gave_links_to_that_user(site, provider, columns):
    browser = site()
    user = make(browser, role=Role.ADMIN, **columns)
    assert through(browser).status_code == 303
    linked = users(browser)
    assert [(row.id, row.oidc_subject) for row in linked] == [(user.id, "ada-1")]
    with transaction(browser.app.state.session_factory) as session:
        assert [event.what for event in session.scalars(select(Event))] == ["user.outside_connected"]


@pytest.mark.parametrize("is_open", [True, False])
def test_an_e_mail_that_someone_typed_for_themselves_links_to_nobody(site, provider, is_open):
    browser = site(open_sign_up=is_open)
    make(browser, handle="eve", email="ada@example.org")
    answer = through(browser)
    assert answer.status_code == (409 if is_open else 403)
    assert [row.oidc_subject for row in users(browser)] == [None]


def test_an_e_mail_that_the_provider_did_not_verify_links_to_nobody(site, provider):
    browser = site(open_sign_up=True)
    make(browser, handle="ada", email="ada@example.org", email_verified=True)
    provider.person = {**provider.person, "email_verified": "no"}
    assert through(browser).status_code == 303
    assert [row.oidc_subject for row in users(browser)] == [None, "ada-1"]
    assert users(browser)[1].email is None


def test_who_is_signed_in_connects_an_identity_to_their_account(site, provider):
    browser = site()
    user = make(browser, handle="ada", email="ada@example.org")
    with transaction(browser.app.state.session_factory) as session:
        browser.cookies.set(COOKIE, accounts.open_session(session, user=user))
    assert "Sign in with Example Login from now on" in browser.get("/account").text
    assert through(browser, "/outside?connect=true").headers["location"] == "/account?done=connected"
    row = users(browser)[0]
    assert (row.oidc_subject, row.email_verified) == ("ada-1", True)
    assert through(Client(browser.app)).status_code == 303


def test_an_identity_belongs_to_one_account(site, provider):
    browser = site(open_sign_up=True)
    through(Client(browser.app))
    user = make(browser, handle="eve")
    with transaction(browser.app.state.session_factory) as session:
        browser.cookies.set(COOKIE, accounts.open_session(session, user=user))
    assert through(browser, "/outside?connect=true").status_code == 409


def test_connecting_needs_the_same_person_before_and_after(site, provider):
    browser = site()
    assert browser.get("/outside?connect=true").status_code == 401
    user, other = make(browser, handle="ada"), make(browser, handle="eve")
    with transaction(browser.app.state.session_factory) as session:
        mine, another = (accounts.open_session(session, user=row) for row in (user, other))
    browser.cookies.set(COOKIE, mine)
    back = leave(browser, "/outside?connect=true")
    browser.cookies.set(COOKIE, another)
    assert browser.get(back).status_code == 401
    assert [row.oidc_subject for row in users(browser)] == [None, None]


def test_a_disabled_person_stays_out(site, provider):
    browser = site(open_sign_up=True)
    through(browser)
    with transaction(browser.app.state.session_factory) as session:
        people.disable(session, user=session.scalars(select(User)).one(), actor=None)
    assert through(Client(browser.app)).status_code == 403


def test_claims_that_only_userinfo_gives_are_asked_for(site, provider):
    provider.in_userinfo = {"email", "email_verified", "name"}
    browser = site(oidc_domains="example.org")
    assert through(browser).status_code == 303
    assert users(browser)[0].display_name == "Ada"


NOW = int(time.time())


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": NOW - 3600},
        {"sub": None},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"at_hash": "d3Jvbmc"},
    ],
    ids=lambda wrong: ",".join(wrong),
)
def test_an_id_token_that_does_not_fit_signs_nobody_in(site, provider, wrong):
    browser = site(open_sign_up=True)
    provider.wrong = wrong
    answer = through(browser)
    assert (answer.status_code, "did not work" in answer.text) == (401, True)
    assert users(browser) == []


@pytest.mark.parametrize("algorithm", ["RS256", "HS256"])
def test_an_id_token_that_the_provider_did_not_sign_signs_nobody_in(site, provider, algorithm):
    browser = site(open_sign_up=True)
    provider.algorithm = algorithm
    provider.key = oidc_provider.foreign_key() if algorithm == "RS256" else oidc_provider.shared_key()
    assert through(browser).status_code == 401
    assert users(browser) == []


def test_an_answer_that_another_browser_began_is_refused(site, provider):
    victim, attacker = site(open_sign_up=True), site(open_sign_up=True)
    theirs = leave(attacker)
    assert victim.get(theirs).status_code == 401
    leave(victim)
    assert victim.get(theirs).status_code == 401
    assert users(victim) == []


def test_an_answer_serves_once(site, provider):
    browser = site(open_sign_up=True)
    back = leave(browser)
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 401


def test_an_answer_of_another_issuer_is_refused(site, provider):
    browser = site(open_sign_up=True)
    back = leave(browser).replace("iss=http", "iss=https")
    assert browser.get(back).status_code == 401


def test_a_person_who_changed_their_mind_is_asked_again(site, provider):
    browser = site()
    leave(browser)
    answer = browser.get("/outside/return?error=access_denied")
    assert (answer.status_code, 'action="/sign-in"' in answer.text) == (401, True)


def test_a_provider_that_is_away_or_says_another_name_is_said(site, provider):
    for issuer in ("http://127.0.0.1:9", provider.issuer + "/"):
        answer = site(oidc_issuer=issuer).get("/outside")
        assert (answer.status_code, "does not answer" in answer.text) == (503, True)


DISCOVERY = "/.well-known/openid-configuration"


def asked(provider, path):
    return sum(1 for asked_path, _ in provider.requests if asked_path == path)


def test_the_provider_describes_itself_once_and_gives_its_keys_each_time(site, provider):
    browser = site(open_sign_up=True)
    for _ in range(2):
        assert through(Client(browser.app)).status_code == 303
    assert (asked(provider, DISCOVERY), asked(provider, "/jwks")) == (1, 2)


def test_its_description_is_asked_for_anew_after_an_hour(settings, provider):
    clock = [0.0]
    ours = settings.with_values(oidc_issuer=provider.issuer, oidc_client_id=CLIENT_ID)
    kept = oidc.Provider(ours, clock=lambda: clock[0])
    for clock[0], times in ((0, 1), (3599, 1), (3601, 2), (7100, 2)):
        assert kept.metadata()["issuer"] == provider.issuer
        assert asked(provider, DISCOVERY) == times


def test_a_provider_that_was_away_is_left_alone_for_some_seconds(settings, monkeypatch):
    clock, tries = [0.0], []

    def away(url):
        tries.append(url)
        raise httpx2.ConnectError("away")

    monkeypatch.setattr(oidc, "_get_json", away)
    ours = settings.with_values(oidc_issuer="https://login.test", oidc_client_id=CLIENT_ID)
    provider = oidc.Provider(ours, clock=lambda: clock[0])
    for clock[0], times in ((0, 1), (4, 1), (6, 2)):
        with pytest.raises(Unavailable):
            provider.metadata()
        assert len(tries) == times


def test_no_turn_and_no_connection_is_held_while_the_provider_is_asked(site, provider, monkeypatch):
    browser = site(open_sign_up=True)
    user = make(browser)
    with transaction(browser.app.state.session_factory) as session:
        browser.cookies.set(COOKIE, accounts.open_session(session, user=user))
    state, held, answer = browser.app.state, [], oidc._get_json

    def looked_at(url):
        held.append((state.engine.pool.checkedout(), TURNS - state.turns._value))
        return answer(url)

    monkeypatch.setattr(oidc, "_get_json", looked_at)
    assert through(browser, "/outside?connect=true").headers["location"] == "/account?done=connected"
    assert held == [(0, 0), (0, 0)]  # its description, its keys


def test_nobody_is_led_elsewhere_afterwards(site, provider):
    assert through(site(open_sign_up=True), "/outside?next=https://evil.example").headers["location"] == "/"


def test_without_a_provider_there_is_nothing_here(anonymous):
    assert anonymous.get("/outside").status_code == 404
    assert anonymous.get("/outside/return?code=x&state=y").status_code == 404
