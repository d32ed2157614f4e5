import pytest

from app.errors import Forbidden
from app.models import Role, User
from app.services.permissions import RIGHTS, Right, may, require
from tests import builders


def a(role: Role, **columns) -> User:
    return User(role=role, display_name="Ada", **columns)


def test_every_role_has_its_rights_and_an_admin_has_all():
    assert set(RIGHTS) == set(Role)
    assert {right for right in Right if may(a(Role.ANNOTATOR), right)} == {Right.ANNOTATE}
    assert {right for right in Right if may(a(Role.RESEARCHER), right)} == {Right.ANNOTATE, Right.RESEARCH}
    assert all(may(a(Role.ADMIN), right) for right in Right)


def test_a_disabled_user_may_nothing():
    assert not any(may(a(Role.ADMIN, disabled_at=builders.now()), right) for right in Right)


def test_a_missing_right_says_who_may_not_do_what():
    with pytest.raises(Forbidden, match="Ada is signed in as annotator and may not run studies"):
        require(a(Role.ANNOTATOR), Right.RUN_STUDIES)
