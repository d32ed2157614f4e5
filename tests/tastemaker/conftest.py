"""The client in front of the real site: a process of its own on loopback, on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.artifacts import Artifacts
from app.db import make_engine, session_factory, transaction
from app.models import Role
from app.services import personal_tokens, scopes
from app.settings import make_settings
from app.supervisor import EmbeddedServers
from app.supervisor.ports import free_port
from tastemaker.client import Client
from tests import builders
from tests.browser.conftest import Site, empty, serving
from tests.conftest import SECRET, copy_of


@pytest.fixture(scope="session")
def running_site(server_folder: Path, servers: EmbeddedServers, template_url: str) -> Iterator[Site]:
    """The site in a process of its own for all tests. It sweeps seldom: no move comes between a test and its rows."""
    for database_url in copy_of(template_url):
        settings = make_settings(
            data_dir=server_folder / "client-site", database_url=database_url, broker_url=servers.broker_url,
            secret_key=SECRET, port=free_port(), local_admin=False, sweep_seconds=600,
            hub_token="none of the hub's",
        )  # fmt: skip
        engine = make_engine(database_url)
        with serving(settings):
            yield Site(settings.site_url, settings, session_factory(engine), Artifacts(settings.artifacts))
        engine.dispose()


@pytest.fixture
def site(running_site: Site) -> Site:
    """The running site with an empty database."""
    empty(running_site.sessions)
    return running_site


@pytest.fixture
def as_(site: Site) -> Iterator[Callable[..., Client]]:
    """`as_(role)`: the client of a new user of this role, with a token of all scopes."""
    clients: list[Client] = []

    def client(role: Role, **options) -> Client:
        clients.append(Client(site.url, token(site, role), **options))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


def token(site: Site, role: Role) -> str:
    """A personal token of a new user."""
    with transaction(site.sessions) as session:
        user = builders.user(session, role=role)
        wanted = scopes.of_role(user)
        return personal_tokens.make(session, user=user, name="Client", wanted=wanted, days=1, actor=user)[1]
