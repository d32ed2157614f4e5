"""Every route of the API, as the application itself has them: nobody gets anything from it that they should not.

A new route is among these by itself. One that names no scope fails, since no token could use it and no reader could
know who may.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import func, update
from starlette.testclient import TestClient

from app.db import transaction
from app.main import create_app
from app.models import ApiToken, Role, User
from app.services import accounts, personal_tokens, scopes
from app.services.permissions import may
from app.services.scopes import NEEDS, Scope
from app.services.tokens import sha256
from app.settings import make_settings
from app.supervisor import EmbeddedServers
from app.web import csrf
from app.web.api.description import operations, scopes_of
from app.web.api.scoped import OPEN
from app.web.identity import COOKIE
from tests import builders
from tests.conftest import SECRET, copy_of

NOWHERE = "999999999"
NOBODYS_PROFILE = {"list_mail_wishes", "set_mail_wish", "send_test_mail"}  # in one's profile, and not for annotators


def site(folder: Path, database_url: str = "postgresql://127.0.0.1:9/x", broker_url: str | None = None) -> FastAPI:
    return create_app(
        make_settings(
            data_dir=folder,
            database_url=database_url,
            broker_url=broker_url or "redis://127.0.0.1:9",
            secret_key=SECRET,
            local_admin=False,
        )
    )


@dataclass(frozen=True)
class Call:
    """A route of the API, and how to call it; its ids lead nowhere."""

    name: str
    method: str
    path: str
    scopes: tuple[str, ...]

    @property
    def writes(self) -> bool:
        return self.method not in csrf.SAFE_METHODS


def calls() -> list[Call]:
    return [
        Call(route.operation_id, method, re.sub(r"\{[\w:]+\}", NOWHERE, route.path), tuple(scopes_of(route)))
        for route in operations(site(Path("/nonexistent")))
        for method in sorted(route.methods)
    ]


CALLS = calls()
GUARDED = [call for call in CALLS if call.name not in OPEN]
each = pytest.mark.parametrize("call", GUARDED, ids=lambda call: call.name)


class Callers:
    """Users of each role, with tokens and sessions made for them."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.users: dict[Role, User] = {}
        with transaction(app.state.session_factory) as session:
            for role in Role:
                self.users[role] = builders.user(session, role=role)

    def token(self, role: Role, wanted: set[str]) -> str:
        """A token of someone of this role with these scopes, whether such a one could be made or not."""
        token = f"{role}-{'-'.join(sorted(wanted))}"
        with transaction(self.app.state.session_factory) as session:
            if personal_tokens.owner(session, token) is None:
                session.add(
                    ApiToken(
                        user_id=self.users[role].id, name="Test", token_sha256=sha256(token), scopes=sorted(wanted),
                        expires_at=func.now() + func.make_interval(0, 0, 0, 1),
                    )
                )  # fmt: skip
        return token

    def call(self, call: Call, *, token: str | None = None, cookie: str | None = None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with_cookie = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
        client = TestClient(self.app, follow_redirects=False)
        return client.request(call.method, call.path, headers=headers | with_cookie)


@pytest.fixture(scope="module")
def callers(tmp_path_factory, template_url: str, servers: EmbeddedServers) -> Iterator[Callers]:
    """One site for all of these tests: what is refused changes nothing."""
    for database_url in copy_of(template_url):
        app = site(tmp_path_factory.mktemp("data"), database_url, servers.broker_url)
        yield Callers(app)
        app.state.engine.dispose()


ALL = {scope.value for scope in Scope}


def test_the_whole_api_is_walked():
    assert len(CALLS) > 90
    assert len({call.name for call in CALLS}) == len(CALLS)
    assert {call.name for call in CALLS} >= OPEN


@each
def test_a_route_names_one_scope(call):
    assert len(call.scopes) == 1, f"{call.name} takes a user of `app/web/api/scoped.py`, or no token may use it"
    assert set(call.scopes) <= ALL


@each
def test_nobody_is_asked_to_sign_in(callers, call):
    assert callers.call(call).status_code == 401
    assert callers.call(call, token="tm_unknown").status_code == 401


@each
def test_a_token_without_its_scope_gets_nothing(callers, call):
    for wanted in (set(), ALL - set(call.scopes)):
        answer = callers.call(call, token=callers.token(Role.ADMIN, wanted))
        assert answer.status_code == 403
        assert answer.json()["needed"] == list(call.scopes)


@each
def test_a_token_of_a_role_that_is_too_low_gets_nothing(callers, call):
    needed = NEEDS[Scope(call.scopes[0])]
    low = {role for role, user in callers.users.items() if needed and not may(user, needed)}
    low |= {Role.ANNOTATOR} if call.name in NOBODYS_PROFILE else set()
    for role in low:
        answer = callers.call(call, token=callers.token(role, ALL))
        assert answer.status_code == 403
        assert "may not" in answer.json()["detail"]


@each
def test_a_token_with_its_scope_and_role_is_let_in(callers, call):
    """Past the door: what is then answered is of the operation itself, whose ids lead nowhere here."""
    answer = callers.call(call, token=callers.token(Role.ADMIN, set(call.scopes)))
    assert answer.status_code not in {401, 403, 405}
    assert answer.status_code < 500 or answer.status_code == 503


@pytest.mark.parametrize("call", [call for call in CALLS if call.writes], ids=lambda call: call.name)
def test_a_browser_writes_nothing_without_its_csrf_token(callers, call):
    with transaction(callers.app.state.session_factory) as session:
        cookie = accounts.open_session(session, user=session.merge(callers.users[Role.ADMIN], load=False))
    answer = callers.call(call, cookie=cookie)
    assert answer.status_code == 403
    assert answer.json()["reload"] is True


@pytest.mark.parametrize("end", ["revoked_at", "expires_at"])
def test_a_token_that_is_over_is_nobodys(callers, end):
    token = callers.token(Role.ADMIN, {"read"})
    call = next(call for call in CALLS if call.name == "list_studies")
    with transaction(callers.app.state.session_factory) as session:
        session.execute(update(ApiToken).where(ApiToken.token_sha256 == sha256(token)).values({end: func.now()}))
    assert callers.call(call, token=token).status_code == 401
    with transaction(callers.app.state.session_factory) as session:
        session.execute(
            update(ApiToken)
            .where(ApiToken.token_sha256 == sha256(token))
            .values(revoked_at=None, expires_at=func.now() + func.make_interval(0, 0, 0, 1))
        )


def test_a_token_opens_no_page(callers):
    token = callers.token(Role.ADMIN, ALL)
    for path in ("/account", "/account/tokens", "/admin", "/admin/users", "/research", "/annotate/1"):
        page = Call("page", "GET", path, ())
        assert callers.call(page, token=token).status_code == 401, path
    # nor makes another token, which would have every scope
    assert callers.call(Call("page", "POST", "/account/tokens", ()), token=token).status_code in {401, 403}


def test_scopes_are_told_in_words(callers):
    assert set(scopes.ALLOWS) == set(scopes.NEEDS) == set(Scope)
    everything = scopes.of_role(callers.users[Role.ADMIN])
    assert everything == list(Scope)
    assert scopes.of_role(callers.users[Role.ANNOTATOR]) == [Scope.PROFILE, Scope.ANNOTATE]
