"""The machine's own sign-in: each of its conditions, broken one at a time."""

import pytest
from sqlalchemy import select

from app.db import transaction
from app.main import create_app
from app.models import User
from app.services import accounts
from app.web.identity import COOKIE
from tests import builders
from tests.app.web.conftest import Client

HOME = "http://127.0.0.1:8000"


@pytest.fixture
def at_home(settings):
    """`at_home(**settings)`: a client at the machine itself."""
    apps = []

    def client(base_url=HOME, **changes):
        app = create_app(settings.with_values(**changes))
        apps.append(app)
        return Client(app, base_url)

    yield client
    for app in apps:
        app.state.engine.dispose()


def status(client, **headers):
    """200 for who is signed in, 401 for who is not. Sec-Fetch-Site is a browser's own address line, unless given."""
    given = {"sec-fetch-site": "none"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(
        "/account", headers={name: value for name, value in given.items() if value is not None}
    ).status_code


def test_the_person_at_the_machine_is_admin(at_home):
    page = at_home().get("/account", headers={"sec-fetch-site": "none"}).text
    assert "Local admin" in page
    assert 'href="/admin"' in page


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.2:8000", "http://[::1]:8000"])
def test_every_loopback_name_will_do(at_home, url):
    assert status(at_home(url)) == 200


def test_it_can_be_turned_off(at_home):
    assert status(at_home(local_admin=False)) == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "tastemaker.example"])
def test_a_site_that_listens_on_the_network_has_none(at_home, host):
    assert status(at_home(host=host)) == 401


def test_a_request_that_came_in_on_another_address_has_none(at_home):
    # bound to loopback says the setting, but the socket knows better
    assert status(at_home("http://192.168.1.4:8000"), host="127.0.0.1:8000") == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example:8000",
        "127.0.0.1",
        "127.0.0.1:9000",
        b"127.0.0.1:\xb2",
        "",
    ],
)
def test_another_name_or_port_in_host_has_none(at_home, host):
    assert status(at_home(), host=host) == 401


@pytest.mark.parametrize("header", ["forwarded", "x_forwarded_for", "x_forwarded_host", "x_forwarded_anything"])
def test_a_proxy_between_has_none(at_home, header):
    assert status(at_home(), **{header: "for=10.0.0.1"}) == 401


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_the_persons_own_browsing_is_signed_in(at_home, site):
    assert status(at_home(), sec_fetch_site=site) == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_what_another_site_or_no_browser_sends_has_none(at_home, site):
    assert status(at_home(), sec_fetch_site=site) == 401


def test_a_session_comes_before_the_machine(at_home, factory):
    client = at_home()
    with transaction(factory) as session:
        token = accounts.open_session(session, user=builders.user(session))
    client.cookies.set(COOKIE, token)
    assert "Local admin" not in client.get("/account", headers={"sec-fetch-site": "none"}).text


def test_the_local_admin_posts_with_a_token_like_everyone(at_home, factory):
    client = at_home()
    client.headers["sec-fetch-site"] = "same-origin"
    assert client.post("/account/sign-out-everywhere").status_code == 403
    assert client.submit("/account/sign-out-everywhere").status_code == 303


def test_asking_again_makes_no_second_user(at_home, factory):
    client = at_home()
    assert [status(client), status(client)] == [200, 200]
    with transaction(factory) as session:
        assert len(session.scalars(select(User)).all()) == 1
