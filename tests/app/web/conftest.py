"""The site on the test's own database, and a browser-like client for each role."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session, sessionmaker
from starlette.testclient import TestClient

from app.artifacts import Artifacts
from app.db import transaction
from app.main import create_app
from app.models import Role, User
from app.services import accounts, personal_tokens
from app.services.scopes import Scope
from app.settings import Settings, make_settings
from app.web.identity import COOKIE
from tests import builders

BASE_URL = "http://tastemaker.test"


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The site, without its sweep: that runs only where the application is started."""
    app = create_app(settings)
    yield app
    app.state.engine.dispose()


@pytest.fixture
def bare_settings(tmp_path: Path) -> Settings:
    """Settings for what asks no server: none answers at these addresses, and no database has to be made."""
    return make_settings(
        data_dir=tmp_path,
        database_url="postgresql://127.0.0.1:9/x",
        broker_url="redis://127.0.0.1:9",
        secret_key="s" * 40,
    )


@pytest.fixture
def bare_app(bare_settings: Settings) -> Iterator[FastAPI]:
    """The site without its servers."""
    app = create_app(bare_settings)
    yield app
    app.state.engine.dispose()


@pytest.fixture
def factory(app: FastAPI) -> sessionmaker[Session]:
    """Sessions on the database that the site uses, to be given to `transaction`."""
    factory: sessionmaker[Session] = app.state.session_factory
    return factory


@pytest.fixture
def artifacts(app: FastAPI) -> Artifacts:
    """The site's stored files."""
    artifacts: Artifacts = app.state.artifacts
    return artifacts


class Client(TestClient):
    """A browser: keeps cookies, follows no redirect by itself, and reads the CSRF token as our scripts do."""

    def __init__(self, app: FastAPI, base_url: str = BASE_URL, user: User | None = None) -> None:
        super().__init__(app, base_url=base_url, follow_redirects=False, client=("127.0.0.1", 50000))
        self.user = user

    def csrf_token(self, path: str = "/") -> str:
        found = re.search(r'name="csrf-token" content="(\w+)"', self.get(path).text)
        assert found, "the page has no CSRF token"
        return found.group(1)

    def submit(self, path: str, **fields: object):
        """Post a form as one of our pages would."""
        return self.post(path, data={"csrf_token": self.csrf_token(), **fields})

    def call(self, method: str, path: str, **options):
        """Call the API as our scripts do."""
        return self.request(method, f"/api/v1{path}", headers={"X-CSRF-Token": self.csrf_token()}, **options)


@pytest.fixture
def anonymous(app: FastAPI) -> Client:
    """Someone who is not signed in."""
    return Client(app)


@pytest.fixture
def sign_in(app: FastAPI, factory: sessionmaker[Session]) -> Callable[[Role], Client]:
    """A new user of a role, signed in; the client's `user` is the row."""

    def signed_in_as(role: Role) -> Client:
        with transaction(factory) as session:
            user = builders.user(session, role=role)
            token = accounts.open_session(session, user=user)
        client = Client(app, user=user)
        client.cookies.set(COOKIE, token)
        return client

    return signed_in_as


@pytest.fixture
def annotator(sign_in: Callable[[Role], Client]) -> Client:
    return sign_in(Role.ANNOTATOR)


@pytest.fixture
def researcher(sign_in: Callable[[Role], Client]) -> Client:
    return sign_in(Role.RESEARCHER)


@pytest.fixture
def admin(sign_in: Callable[[Role], Client]) -> Client:
    return sign_in(Role.ADMIN)


@pytest.fixture
def token_of(factory: sessionmaker[Session]) -> Callable[..., str]:
    """A personal token of a client's user, with the scopes that are named."""

    def made(client: Client, *wanted: Scope) -> str:
        with transaction(factory) as session:
            user = session.get_one(User, client.user.id)
            return personal_tokens.make(session, user=user, name="Test", wanted=wanted, days=1, actor=user)[1]

    return made
