from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import transaction
from app.errors import BadInput, Conflict, Gone, NotFound
from app.models import Event, Role, SignInLink, User, UserKind, WebSession
from app.services import accounts
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


def test_a_link_signs_its_user_in_once(db):
    user = builders.user(db)
    token = accounts.make_link(db, user=user, actor=None)
    session = accounts.use_link(db, token)
    assert accounts.signed_in(db, session) == user
    with pytest.raises(Gone):
        accounts.use_link(db, token)


def test_looking_at_a_link_does_not_use_it_up(db):
    user = builders.user(db)
    token = accounts.make_link(db, user=user, actor=None)
    assert accounts.link_holder(db, token) == accounts.link_holder(db, token) == user


def test_of_two_uses_of_a_link_at_once_one_wins(sessions):
    with transaction(sessions) as session:
        token = accounts.make_link(session, user=builders.user(session), actor=None)
    with sessions() as slow, slow.begin():
        accounts.link_holder(slow, token)
        with transaction(sessions) as quick:
            accounts.use_link(quick, token)
        with pytest.raises(Gone):
            accounts.use_link(slow, token)


def test_a_link_that_is_too_old_signs_nobody_in(db):
    token = accounts.make_link(db, user=builders.user(db), actor=None, lifetime=timedelta(0))
    with pytest.raises(Gone):
        accounts.use_link(db, token)


def test_an_unknown_link_is_said(db):
    with pytest.raises(NotFound):
        accounts.use_link(db, "x" * 43)


@pytest.mark.parametrize("columns", [{"kind": UserKind.JUDGE}, {"disabled_at": builders.now()}])
def test_judges_and_disabled_users_get_no_link(db, columns):
    with pytest.raises(Conflict):
        accounts.make_link(db, user=builders.user(db, **columns), actor=None)


def test_tokens_are_kept_as_hashes_only(db):
    user = builders.user(db)
    link = accounts.make_link(db, user=user, actor=None)
    session = accounts.use_link(db, link)
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


def test_a_disabled_user_loses_sessions_and_links(db):
    user = builders.user(db)
    session = accounts.open_session(db, user=user)
    link = accounts.make_link(db, user=user, actor=None)
    accounts.disable(db, user=user, actor=None)
    assert accounts.signed_in(db, session) is None
    with pytest.raises(Gone):
        accounts.link_holder(db, link)


def test_the_local_admin_is_made_once(db):
    admin = accounts.local_admin(db)
    assert admin.role is Role.ADMIN
    assert accounts.local_admin(db) == admin
    assert len(db.scalars(select(User)).all()) == 1


def test_the_first_admin_gets_a_link_at_the_first_start_only(db):
    token = accounts.first_admin_link(db, handle="ada")
    assert accounts.link_holder(db, token).role is Role.ADMIN
    assert accounts.first_admin_link(db, handle="ada") is None
