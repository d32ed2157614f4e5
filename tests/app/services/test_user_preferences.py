import pytest

from app.errors import BadInput
from app.services import user_preferences
from app.services.user_preferences import UserPreferences
from tests import builders


def test_who_set_nothing_has_the_site_s_way(db):
    assert user_preferences.of(builders.user(db)) == UserPreferences()


def test_a_change_keeps_the_rest_and_only_what_differs_is_stored(db):
    user = builders.user(db)
    user_preferences.change(db, user=user, changes={"language": "de", "keys": {"left": ["a", "ArrowLeft"]}})
    user_preferences.change(db, user=user, changes={"breaks": False})
    assert user_preferences.of(user) == UserPreferences(
        language="de", keys={"left": ["a", "ArrowLeft"]}, breaks=False
    )  # fmt: skip
    user_preferences.change(db, user=user, changes={"language": "", "breaks": True})
    assert user.preferences == {"keys": {"left": ["a", "ArrowLeft"]}}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"langauge": "de"}, "langauge"),
        ({"language": "../x"}, "language"),
        ({"keys": {"jump": ["j"]}}, "keys.jump"),
        ({"keys": {"left": ["a"], "right": ["A"]}}, "preferences"),
        ({"keys": {"left": [""]}}, "keys.left.0"),
        ({"flicker_ms": 1}, "flicker_ms"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_changes(db, changes, field):
    user = builders.user(db)
    with pytest.raises(BadInput) as caught:
        user_preferences.change(db, user=user, changes=changes)
    assert any(name.startswith(field) for name in caught.value.fields)
    assert user.preferences == {}


def test_what_another_version_stored_is_left_out(db):
    user = builders.user(db, preferences={"language": "de", "future": 1})
    assert user_preferences.of(user) == UserPreferences(language="de")
    assert user_preferences.of(builders.user(db, preferences={"language": 7})) == UserPreferences()
