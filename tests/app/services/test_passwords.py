import statistics
import time

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from app.errors import BadInput
from app.services import passwords

GOOD = "violet teapot orbit"


def test_a_password_matches_its_hash_and_no_other():
    stored = passwords.hashed(GOOD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert GOOD not in stored
    assert passwords.matches(GOOD, stored)
    assert not passwords.matches(GOOD + " ", stored)
    assert not passwords.is_outdated(stored)


def test_the_same_letters_from_another_keyboard_match():
    assert passwords.matches("cafe\u0301 au lait", passwords.hashed("caf\u00e9 au lait"))


def test_nobody_has_no_password_and_takes_as_long_to_say_so():
    stored = passwords.hashed(GOOD)
    seconds = {}
    for name, kept in (("wrong", stored), ("nobody", None)):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            assert not passwords.matches("something else", kept)
            times.append(time.perf_counter() - start)
        seconds[name] = statistics.median(times)
    assert 0.4 < seconds["nobody"] / seconds["wrong"] < 2.5


@pytest.mark.parametrize("broken", ["", "plain", "$argon2id$broken"])
def test_a_hash_that_cannot_be_read_matches_nothing(broken):
    assert not passwords.matches(GOOD, broken)


def test_a_hash_with_other_parameters_is_outdated():
    assert passwords.is_outdated(PasswordHasher.from_parameters(CHEAPEST).hash(GOOD))


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "At least 10"),
        ("x" * 1001, "At most 1000"),
        ("Password123", "first that anyone"),
        ("1234567890", "first that anyone"),
        ("aaaaaaaaaaaa", "first that anyone"),
        ("ada.lovelace", "your name"),
        ("ADA.LOVELACE@example.org", "your name"),
    ],
)
def test_what_anyone_would_try_is_refused_beside_its_field(password, problem):
    with pytest.raises(BadInput) as caught:
        passwords.require_good(password, names=("ada.lovelace", "ada.lovelace@example.org", None))
    assert problem in caught.value.fields["password"]


@pytest.mark.parametrize("password", [GOOD, "nurkleinbuchstaben", "длинный пароль", "8042 3371 5290"])
def test_there_are_no_rules_about_which_characters(password):
    passwords.require_good(password, names=("ada",))
