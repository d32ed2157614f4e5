import re

import pytest

from app.db import transaction
from app.models import Role, User
from app.services import accounts
from tests import builders
from tests.app.web.conftest import Client

PATH = "/admin/users"


@pytest.fixture
def ada(factory):
    with transaction(factory) as session:
        return builders.user(session, handle="ada", display_name="Ada")


def row(factory, user):
    with transaction(factory) as session:
        return session.get_one(User, user.id)


def test_people_are_the_admins_alone(annotator, researcher, anonymous, ada):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        assert client.get(PATH).status_code == status
        assert client.get(f"{PATH}/{ada.id}").status_code == status
        assert client.submit(f"{PATH}/{ada.id}/role", role="admin").status_code == status


def test_people_are_listed_and_found(admin, ada):
    page = admin.get(PATH).text
    assert f'href="{PATH}/{ada.id}"' in page
    assert f'href="{PATH}/{ada.id}"' in admin.get(f"{PATH}?named=AD").text
    assert "Nobody found" in admin.get(f"{PATH}?named=zzz").text


def test_a_role_is_changed_and_the_last_admin_s_is_not(admin, ada, factory):
    assert admin.submit(f"{PATH}/{ada.id}/role", role="researcher").status_code == 303
    assert row(factory, ada).role is Role.RESEARCHER
    refused = admin.submit(f"{PATH}/{admin.user.id}/role", role="annotator")
    assert (refused.status_code, "last admin" in refused.text) == (409, True)
    assert "annotator → researcher" in admin.get(f"{PATH}/{ada.id}").text
    assert admin.submit(f"{PATH}/{ada.id}/role", role="king").status_code == 422


@pytest.mark.parametrize(("purpose", "path"), [("sign_in", "sign-in"), ("reset", "reset")])
def test_a_link_is_shown_once(admin, ada, anonymous, purpose, path):
    page = f"{PATH}/{ada.id}"
    assert admin.submit(f"{page}/link", purpose=purpose).headers["location"] == page
    link = re.search(rf"http://127.0.0.1:8000(/{path}/[\w-]+)<", admin.get(page).text).group(1)
    assert f"/{path}/" not in admin.get(page).text
    assert "Ada" in anonymous.get(link).text


def test_someone_is_disabled_let_in_again_and_signed_out(admin, ada, factory):
    with transaction(factory) as session:
        token = accounts.open_session(session, user=ada)
    admin.submit(f"{PATH}/{ada.id}/disable")
    assert row(factory, ada).disabled_at is not None
    admin.submit(f"{PATH}/{ada.id}/enable")
    assert row(factory, ada).disabled_at is None
    with transaction(factory) as session:
        assert accounts.signed_in(session, token) is None
        token = accounts.open_session(session, user=ada)
    admin.submit(f"{PATH}/{ada.id}/sign-out")
    with transaction(factory) as session:
        assert accounts.signed_in(session, token) is None


def test_a_person_is_added_with_a_link(admin, anonymous):
    made = admin.submit(PATH, handle="grace", email="grace@example.org", role="researcher")
    page = admin.get(made.headers["location"]).text
    link = re.search(r"http://127.0.0.1:8000(/sign-in/[\w-]+)<", page).group(1)
    assert Client(anonymous.app).submit(link).status_code == 303
    taken = admin.submit(PATH, handle="Grace")
    assert (taken.status_code, "This is taken already." in taken.text) == (409, True)


def test_a_person_that_does_not_exist_is_said(admin):
    assert admin.get(f"{PATH}/999999").status_code == 404
