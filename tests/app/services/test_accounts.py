from datetime import timedelta

import pytest
from sqlalchemy import select

from app.errors import BadInput, Conflict, NotFound
from app.models import Event, LinkPurpose, Role, SignInLink, User, UserKind, WebSession
from app.services import accounts, links
from tests import builders


def test_a_person_is_added_with_a_role_and_an_event(db):
    user = accounts.add(db, handle=" ada ", role=Role.RESEARCHER, actor=None)
    assert (user.handle, user.display_name, user.role, user.kind) == ("ada", "ada", Role.RESEARCHER, UserKind.PERSON)
    event = db.scalars(select(Event).where(Event.what == "user.added")).one()
    assert (event.object_id, event.details) == (user.id, {"role": "researcher"})


def test_a_name_that_is_taken_is_refused(db):
    accounts.add(db, handle="ada", role=Role.ADMIN, actor=None)
    with pytest.raises(Conflict, match="already a user ada"):
        accounts.add(db, handle="ada", role=Role.ANNOTATOR, actor=None)


@pytest.mark.parametrize("handle", ["", "  ", "x" * 201])
def test_an_empty_or_overlong_name_is_refused(db, handle):
    with pytest.raises(BadInput):
        accounts.add(db, handle=handle, role=Role.ADMIN, actor=None)


def test_an_unknown_name_is_said(db):
    with pytest.raises(NotFound, match="no user ada"):
        accounts.by_handle(db, "ada")


def test_people_are_listed_without_the_judges(db):
    ada = builders.user(db)
    builders.user(db, kind=UserKind.JUDGE)
    assert accounts.people(db) == [ada]


def test_tokens_are_kept_as_hashes_only(db):
    user = builders.user(db)
    link = links.make(db, user=user, purpose=LinkPurpose.SIGN_IN, actor=None)
    session = accounts.open_session(db, user=user)
    kept = [*db.scalars(select(SignInLink.token_sha256)), *db.scalars(select(WebSession.token_sha256))]
    assert [len(value) for value in kept] == [64, 64]
    assert not {link, session} & set(kept)


def test_a_session_ends_at_its_end(db):
    token = accounts.open_session(db, user=builders.user(db))
    db.scalars(select(WebSession)).one().expires_at = builders.now() - timedelta(seconds=1)
    db.flush()
    assert accounts.signed_in(db, token) is None


def test_signing_out_ends_one_session_and_everywhere_all_of_them(db):
    user = builders.user(db)
    first, second, third = (accounts.open_session(db, user=user) for _ in range(3))
    accounts.sign_out(db, first)
    assert [accounts.signed_in(db, token) for token in (first, second)] == [None, user]
    assert accounts.sign_out_everywhere(db, user=user) == 2
    assert [accounts.signed_in(db, token) for token in (second, third)] == [None, None]


def test_the_local_admin_is_made_once(db):
    admin = accounts.local_admin(db)
    assert admin.role is Role.ADMIN
    assert accounts.local_admin(db) == admin
    assert len(db.scalars(select(User)).all()) == 1


def test_the_first_admin_gets_a_link_at_the_first_start_only(db):
    token = accounts.first_admin_link(db, handle="ada")
    assert links.holder(db, token, purpose=LinkPurpose.SIGN_IN).role is Role.ADMIN
    assert accounts.first_admin_link(db, handle="ada") is None


def test_a_name_is_taken_whoever_has_it_as_handle_or_e_mail_and_in_whatever_case(db):
    accounts.add(db, handle="Ada", email="Ada@example.org", role=Role.ANNOTATOR, actor=None)
    with pytest.raises(Conflict, match="already a user ada"):
        accounts.add(db, handle="ada", role=Role.ANNOTATOR, actor=None)
    with pytest.raises(Conflict) as caught:
        accounts.add(db, handle="ada@EXAMPLE.org", role=Role.ANNOTATOR, actor=None)
    assert list(caught.value.details["fields"]) == ["handle"]


def test_of_two_who_take_a_name_at_once_one_is_told(sessions):
    with sessions() as slow, slow.begin():
        accounts.require_free(slow, "ada", None)
        with sessions() as quick, quick.begin():
            accounts.add(quick, handle="ada", role=Role.ANNOTATOR, actor=None)
        with pytest.raises(Conflict):
            accounts.add(slow, handle="ada", role=Role.ANNOTATOR, actor=None)


@pytest.mark.parametrize("email", ["ada", "a@b", "a b@example.org", "@example.org", "x" * 320 + "@example.org"])
def test_what_is_no_e_mail_address_is_refused(db, email):
    with pytest.raises(BadInput) as caught:
        accounts.add(db, handle="ada", email=email, role=Role.ANNOTATOR, actor=None)
    assert "email" in caught.value.fields


@pytest.mark.parametrize("name", ["ada", "ADA", " ada ", "ada@example.org", "Ada@Example.ORG"])
def test_people_are_known_by_handle_or_e_mail(db, name):
    ada = builders.user(db, handle="ada", email="Ada@example.org")
    assert accounts.by_name(db, name) == ada


def test_a_handle_comes_before_an_e_mail_and_judges_are_nobody(db):
    builders.user(db, handle="other", email="ada@example.org")
    ada = builders.user(db, handle="ada@example.org")
    builders.user(db, handle="jpeg", kind=UserKind.JUDGE)
    assert accounts.by_name(db, "ada@example.org") == ada
    assert accounts.by_name(db, "jpeg") is None


def test_a_guest_has_a_name_to_show_and_a_handle_that_nobody_can_guess(db):
    guests = [accounts.add_guest(db, display_name=" Ada  L. ", role=Role.ANNOTATOR, actor=None) for _ in range(2)]
    assert [guest.display_name for guest in guests] == ["Ada L.", "Ada L."]
    assert all(guest.is_guest and guest.handle.startswith("guest-") for guest in guests)
    assert guests[0].handle != guests[1].handle


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_guest_needs_a_name(db, name):
    with pytest.raises(BadInput):
        accounts.add_guest(db, display_name=name, role=Role.ANNOTATOR, actor=None)


def test_a_session_notes_that_it_is_in_use_every_few_minutes(db):
    token = accounts.open_session(db, user=builders.user(db), agent="Firefox, Linux")
    row = db.scalars(select(WebSession)).one()
    for minutes, is_noted in ((1, False), (6, True)):
        row.seen_at = before = builders.now() - timedelta(minutes=minutes)
        db.flush()
        accounts.signed_in(db, token)
        db.refresh(row)
        assert (row.seen_at != before) is is_noted


def test_the_sessions_of_a_person_are_listed_while_they_stand(db):
    user = builders.user(db)
    ended, kept, newest = (accounts.open_session(db, user=user, agent=name) for name in ("a", "b", "c"))
    accounts.open_session(db, user=builders.user(db))
    accounts.sign_out(db, ended)
    assert [row.agent for row in accounts.sessions_of(db, user=user)] == ["c", "b"]
    assert accounts.sign_out_everywhere(db, user=user, but=newest) == 1
    assert accounts.signed_in(db, kept) is None
    assert accounts.signed_in(db, newest) == user
