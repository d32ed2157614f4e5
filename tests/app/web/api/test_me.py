import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from app.db import transaction
from app.models import User
from app.services import limits
from app.web.identity import COOKIE
from tests import builders
from tests.app.web.conftest import Client

GOOD = "violet teapot orbit"
CHEAP = PasswordHasher.from_parameters(CHEAPEST).hash(GOOD)
JSON = {"name": "ada", "password": GOOD}


@pytest.fixture
def ada(factory):
    with transaction(factory) as session:
        return builders.user(session, handle="ada", password_hash=CHEAP)


def test_i_am_told_who_i_am_and_what_my_forms_carry(annotator):
    said = annotator.get("/api/v1/me").json()
    assert said == {
        "id": annotator.user.id,
        "name": annotator.user.display_name,
        "role": "annotator",
        "is_guest": False,
        "csrf_token": annotator.csrf_token(),
        "preferences": {"language": "", "keys": {}, "breaks": True, "flicker_ms": 400},
    }


def test_nobody_is_told_to_sign_in(anonymous):
    answer = anonymous.get("/api/v1/me")
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-signed-in")


def test_preferences_and_name_are_changed_bit_by_bit(annotator, factory):
    assert (
        annotator.call("PATCH", "/me", json={"preferences": {"breaks": False}}).json()["preferences"]["breaks"] is False
    )
    said = annotator.call("PATCH", "/me", json={"name": "Ada", "preferences": {"keys": {"left": ["a"]}}}).json()
    assert (said["name"], said["preferences"]["breaks"], said["preferences"]["keys"]) == ("Ada", False, {"left": ["a"]})
    with transaction(factory) as session:
        assert session.get_one(User, annotator.user.id).preferences == {"breaks": False, "keys": {"left": ["a"]}}


def test_a_preference_that_does_not_exist_is_named(annotator):
    answer = annotator.call("PATCH", "/me", json={"preferences": {"colour": "red"}})
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["colour"])


def test_a_page_whose_session_has_ended_signs_in_with_the_token_that_it_has(annotator, ada):
    old = annotator.csrf_token()
    annotator.submit("/account/sign-out-everywhere")
    answer = annotator.post("/api/v1/sign-in", json=JSON, headers={"X-CSRF-Token": old})
    assert (answer.status_code, answer.json()["id"]) == (200, ada.id)
    new = answer.json()["csrf_token"]
    assert new != old
    assert annotator.patch("/api/v1/me", json={"name": "Ada"}, headers={"X-CSRF-Token": new}).status_code == 200


def test_a_wrong_password_is_401_and_sets_no_cookie(anonymous, ada):
    answer = anonymous.call("POST", "/sign-in", json={**JSON, "password": "wrong"})
    assert (answer.status_code, COOKIE in answer.cookies) == (401, False)


def test_after_too_many_tries_429_says_when_to_come_back(anonymous, ada):
    for _ in range(limits.NAME_HERE.amount):
        anonymous.call("POST", "/sign-in", json={**JSON, "password": "wrong"})
    answer = anonymous.call("POST", "/sign-in", json=JSON)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == answer.json()["retry_after"] > 0


@pytest.mark.parametrize("headers", [{}, {"X-CSRF-Token": "x", "origin": "https://evil.example"}])
def test_another_site_cannot_sign_someone_in(anonymous, ada, headers):
    assert anonymous.post("/api/v1/sign-in", json=JSON, headers=headers).status_code == 403


def test_a_choice_after_the_session_ended_is_401_not_403(annotator):
    token = annotator.csrf_token()
    annotator.submit("/account/sign-out-everywhere")
    answer = annotator.post("/api/v1/leases/renew", json={"leases": []}, headers={"X-CSRF-Token": token})
    assert answer.status_code == 401
    assert Client(annotator.app).get("/api/v1/me").status_code == 401
