from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import transaction
from app.errors import Conflict, Gone, NotFound
from app.models import LinkPurpose, SignInLink, UserKind
from app.services import links
from tests import builders

ONCE = [LinkPurpose.SIGN_IN, LinkPurpose.RESET]


def holder(db, purpose):
    return builders.user(db, is_guest=purpose is LinkPurpose.PERSONAL)


def made(db, purpose=LinkPurpose.SIGN_IN, **options):
    user = options.pop("user", None) or holder(db, purpose)
    return links.make(db, user=user, purpose=purpose, actor=None, **options)


@pytest.mark.parametrize("purpose", ONCE)
def test_a_link_that_works_once_works_once(db, purpose):
    user = builders.user(db)
    token = made(db, purpose, user=user)
    assert links.use(db, token, purpose=purpose) == user
    with pytest.raises(Gone, match="used already"):
        links.use(db, token, purpose=purpose)


def test_a_personal_link_works_as_often_as_it_is_opened_until_a_new_one_takes_its_place(db):
    user = holder(db, LinkPurpose.PERSONAL)
    first = made(db, LinkPurpose.PERSONAL, user=user)
    assert [links.use(db, first, purpose=LinkPurpose.PERSONAL) for _ in range(3)] == [user] * 3
    second = made(db, LinkPurpose.PERSONAL, user=user)
    with pytest.raises(Gone, match="no longer"):
        links.use(db, first, purpose=LinkPurpose.PERSONAL)
    assert links.use(db, second, purpose=LinkPurpose.PERSONAL) == user


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_serves_its_own_purpose_only(db, purpose):
    token = made(db, purpose)
    for other in set(LinkPurpose) - {purpose}:
        with pytest.raises(NotFound):
            links.use(db, token, purpose=other)


def test_looking_at_a_link_does_not_use_it_up(db):
    user = builders.user(db)
    token = made(db, user=user)
    assert [links.holder(db, token, purpose=LinkPurpose.SIGN_IN) for _ in range(2)] == [user, user]


def test_of_two_uses_of_a_link_at_once_one_wins(sessions):
    with transaction(sessions) as session:
        token = made(session)
    with sessions() as slow, slow.begin():
        links.holder(slow, token, purpose=LinkPurpose.SIGN_IN)
        with transaction(sessions) as quick:
            links.use(quick, token, purpose=LinkPurpose.SIGN_IN)
        with pytest.raises(Gone):
            links.use(slow, token, purpose=LinkPurpose.SIGN_IN)


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_that_is_too_old_or_revoked_no_longer_works(db, purpose):
    user = holder(db, purpose)
    old = made(db, purpose, lifetime=timedelta(0))
    revoked = made(db, purpose, user=user)
    links.revoke(db, user=user)
    for token in (old, revoked):
        with pytest.raises(Gone):
            links.use(db, token, purpose=purpose)


def test_an_unknown_link_is_said(db):
    with pytest.raises(NotFound):
        links.use(db, "x" * 43, purpose=LinkPurpose.SIGN_IN)


@pytest.mark.parametrize("columns", [{"kind": UserKind.JUDGE}, {"disabled_at": builders.now()}])
def test_judges_and_disabled_users_get_no_link(db, columns):
    with pytest.raises(Conflict):
        made(db, user=builders.user(db, **columns))


def test_a_token_is_kept_as_its_hash_only(db):
    tokens = {made(db, purpose) for purpose in LinkPurpose}
    kept = set(db.scalars(select(SignInLink.token_sha256)))
    assert len(kept) == 3
    assert not tokens & kept


def test_a_personal_link_is_a_guest_s_and_a_reset_link_never(db):
    with pytest.raises(Conflict, match="has an account"):
        made(db, LinkPurpose.PERSONAL, user=builders.user(db))
    with pytest.raises(Conflict, match="is a guest"):
        made(db, LinkPurpose.RESET, user=builders.user(db, is_guest=True))
