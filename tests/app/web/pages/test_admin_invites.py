import re

from app.db import transaction
from app.services import invite_views
from tests import builders

PATH = "/admin/invites"


def test_invites_are_the_admins_alone(annotator, researcher, anonymous):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        assert client.get(PATH).status_code == status
        assert client.submit(PATH, name="x").status_code == status


def test_an_invite_is_made_and_its_link_shown_once_with_a_code_for_the_camera(admin, factory, anonymous):
    with transaction(factory) as session:
        study = builders.study(session, name="Emoji")
    fields = {"name": "Class 7b", "study": study.id, "role": "annotator", "max_uses": "25", "days": "7"}
    assert admin.submit(PATH, **fields).headers["location"] == PATH
    page = admin.get(PATH).text
    link = re.search(r"http://127.0.0.1:8000(/join/[\w-]{43})<", page).group(1)
    drawn = re.search(r"<svg[^>]*>.*?</svg>", page, re.DOTALL).group(0)
    assert "style" not in drawn
    assert "Class 7b is ready" in page
    assert "/join/" not in admin.get(PATH).text
    assert "0 of 25" in admin.get(PATH).text
    assert anonymous.get(link).status_code == 200


def test_what_cannot_be_used_is_said_beside_its_field_and_the_rest_is_kept(admin):
    answer = admin.submit(PATH, name="Panel", max_uses="many", days="0", return_url="javascript:alert(1)")
    assert answer.status_code == 422
    assert 'value="Panel"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    answer = admin.submit(PATH, name="Panel", return_url="javascript:alert(1)")
    assert answer.status_code == 422
    assert "begins with https://" in answer.text


def test_an_invite_is_taken_back(admin, factory):
    admin.submit(PATH, name="Friends")
    with transaction(factory) as session:
        invite = invite_views.lines(session)[0]
    assert admin.submit(f"{PATH}/{invite.id}/revoke").status_code == 303
    assert "taken back" in admin.get(PATH).text
