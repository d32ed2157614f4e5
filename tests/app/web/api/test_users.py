import pytest

from app.db import transaction
from app.services import accounts
from tests import builders


@pytest.fixture
def ada(factory):
    with transaction(factory) as session:
        return builders.user(session, handle="ada", email="ada@example.org")


def test_people_are_listed_and_found(admin, ada):
    assert [item["id"] for item in admin.get("/api/v1/users?named=EXAMPLE").json()["items"]] == [ada.id]
    said = admin.get(f"/api/v1/users/{ada.id}").json()
    assert (said["handle"], said["role"], said["choices"], said["seen_at"]) == ("ada", "annotator", 0, None)
    assert "password_hash" not in said


def test_role_and_access_are_changed(admin, ada):
    changed = admin.call("PATCH", f"/users/{ada.id}", json={"role": "researcher", "disabled": True}).json()
    assert (changed["role"], changed["disabled_at"] is not None) == ("researcher", True)
    assert admin.call("PATCH", f"/users/{ada.id}", json={"disabled": False}).json()["disabled_at"] is None
    assert admin.call("PATCH", f"/users/{admin.user.id}", json={"role": "annotator"}).status_code == 409


def test_a_link_is_made_and_someone_signed_out(admin, ada, anonymous, factory):
    made = admin.call("POST", f"/users/{ada.id}/links", json={"purpose": "reset"})
    assert made.status_code == 201
    assert anonymous.get(made.json()["link"].removeprefix("http://127.0.0.1:8000")).status_code == 200
    assert admin.call("POST", f"/users/{ada.id}/links", json={"purpose": "personal"}).status_code == 409
    with transaction(factory) as session:
        token = accounts.open_session(session, user=ada)
    assert admin.call("POST", f"/users/{ada.id}/sign-out").status_code == 204
    with transaction(factory) as session:
        assert accounts.signed_in(session, token) is None


def test_people_are_the_admins_alone(annotator, researcher, anonymous, ada):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        assert client.get("/api/v1/users").status_code == status
        assert client.call("PATCH", f"/users/{ada.id}", json={"role": "admin"}).status_code == status


def test_a_person_is_added_and_signs_in_by_the_link(admin, researcher, anonymous):
    body = {"handle": "grace", "email": "grace@example.org", "role": "researcher"}
    made = admin.call("POST", "/users", json=body)
    said = made.json()
    assert (made.status_code, said["handle"], said["role"], said["choices"]) == (201, "grace", "researcher", 0)
    assert anonymous.get(said["link"].removeprefix("http://127.0.0.1:8000")).status_code == 200
    assert "link" not in admin.get(f"/api/v1/users/{said['id']}").json()
    assert admin.call("POST", "/users", json=body).status_code == 409
    assert set(admin.call("POST", "/users", json={"handle": " "}).json()["fields"]) == {"handle"}
    assert researcher.call("POST", "/users", json={"handle": "x"}).status_code == 403
