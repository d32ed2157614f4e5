"""Coming in by an invite, as a browser does it."""

import re

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import InviteUse, Role, User
from app.services import invites
from tests import builders
from tests.app.web.conftest import Client

GOOD = "violet teapot orbit"


@pytest.fixture
def invited(factory):
    """`invited(**options)`: the path of a new invite, and of where it leads."""

    def make(study=True, **options):
        with transaction(factory) as session:
            study_id = builders.study(session, question="Which is livelier?").id if study else None
            _, token = invites.make(session, name="Friends", actor=None, study_id=study_id, **options)
        return f"/join/{token}", f"/annotate/{study_id}" if study else "/"

    return make


def new_person(client, link, **fields):
    return client.post(link, data={"csrf_token": client.csrf_token(), **fields})


def people(factory):
    with transaction(factory) as session:
        return session.scalars(select(User).order_by(User.id)).all()


def test_the_page_says_what_will_happen_and_asks_for_a_name_alone(anonymous, invited):
    link, _ = invited(choices_wanted=50)
    page = anonymous.get(link).text
    assert "Which is livelier?" in page
    assert "say which is better" in page
    assert "50 choices" in page
    assert 'name="display_name"' in page
    assert "password" not in page.split("<main")[1].replace("no password", "")


def test_a_guest_is_shown_a_personal_link_once_and_led_to_the_study(anonymous, invited, factory):
    link, study = invited()
    joined = new_person(anonymous, link, display_name="Ada")
    assert (joined.status_code, joined.headers["location"]) == (303, "/join/welcome")
    welcome = anonymous.get("/join/welcome").text
    personal = re.search(r"http://127.0.0.1:8000(/back/[\w-]+)<", welcome).group(1)
    assert f'href="{study}"' in welcome
    assert "/back/" not in anonymous.get("/join/welcome").text
    assert [(user.display_name, user.is_guest) for user in people(factory)] == [("Ada", True)]

    elsewhere = Client(anonymous.app)
    assert elsewhere.submit(personal).status_code == 303
    assert "Ada" in elsewhere.get("/account").text


def test_the_personal_link_can_be_read_by_nobody_who_has_the_cookie(anonymous, invited):
    link, _ = invited()
    joined = new_person(anonymous, link, display_name="Ada")
    cookie = joined.cookies["tastemaker_once"]
    assert "/back/" not in cookie
    assert "path=/join/welcome" in joined.headers["set-cookie"].lower()


def test_a_guest_needs_a_name(anonymous, invited, factory):
    link, _ = invited()
    answer = new_person(anonymous, link, display_name=" ")
    assert answer.status_code == 422
    assert "1 to 80 characters" in answer.text
    assert people(factory) == []


def test_where_an_account_is_needed_it_is_made(anonymous, invited, factory):
    link, study = invited(role=Role.RESEARCHER)
    assert 'name="password"' in anonymous.get(link).text
    weak = new_person(anonymous, link, handle="ada", password="short")
    assert (weak.status_code, people(factory)) == (422, [])
    made = new_person(anonymous, link, handle="ada", email="ada@example.org", password=GOOD)
    assert made.headers["location"] == study
    assert [(user.role, user.is_guest) for user in people(factory)] == [(Role.RESEARCHER, False)]


def test_a_signed_in_person_just_joins_and_opening_it_again_leads_on(annotator, invited, factory):
    link, study = invited(role=Role.RESEARCHER)
    page = annotator.get(link).text
    assert annotator.user.display_name in page
    assert 'name="display_name"' not in page
    assert new_person(annotator, link).headers["location"] == study
    assert annotator.get(link).headers["location"] == study
    assert [user.role for user in people(factory)] == [Role.RESEARCHER]


def test_opening_an_invite_makes_nobody_and_uses_nothing(anonymous, annotator, invited, factory):
    link, _ = invited(max_uses=1)
    for client in (anonymous, annotator):
        assert client.get(link).status_code == 200
    with transaction(factory) as session:
        assert session.scalars(select(InviteUse)).all() == []


def test_an_invite_that_is_used_up_says_so(anonymous, annotator, invited):
    link, _ = invited(max_uses=1)
    new_person(annotator, link)
    for answer in (anonymous.get(link), new_person(anonymous, link, display_name="Ada")):
        assert answer.status_code == 410
        assert "as often as it may be" in answer.text


@pytest.mark.parametrize("name", ["participant", "PROLIFIC_PID", "workerId"])
def test_a_panel_s_id_leads_to_the_same_person_again(anonymous, invited, factory, name):
    link, study = invited(max_uses=1)
    first = new_person(anonymous, f"{link}?{name}=p-1", display_name="Ada")
    assert first.headers["location"] == study
    again = Client(anonymous.app)
    assert "Welcome back, Ada" in again.get(f"{link}?{name}=p-1").text
    assert new_person(again, f"{link}?{name}=p-1").headers["location"] == study
    assert len(people(factory)) == 1
    with transaction(factory) as session:
        assert session.scalars(select(InviteUse.participant)).all() == ["p-1"]


def test_two_people_of_a_panel_at_one_browser_are_two_people(anonymous, invited, factory):
    link, _ = invited()
    new_person(anonymous, f"{link}?participant=p-1", display_name="Ada")
    assert 'name="display_name"' in anonymous.get(f"{link}?participant=p-2").text
    new_person(anonymous, f"{link}?participant=p-2", display_name="Grace")
    assert [user.display_name for user in people(factory)] == ["Ada", "Grace"]


def test_a_placeholder_that_a_panel_left_as_it_was_is_nobody_s_id(anonymous, invited, factory):
    link, _ = invited()
    new_person(anonymous, link + "?PROLIFIC_PID={{%25PROLIFIC_PID%25}}", display_name="Ada")
    with transaction(factory) as session:
        assert session.scalars(select(InviteUse.participant)).all() == [None]
