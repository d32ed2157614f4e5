import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from sqlalchemy import select

from app.errors import BadInput, Conflict, Gone, NotSignedIn, TooMany
from app.models import Event, LinkPurpose, Role
from app.services import accounts, limits, links, passwords, sign_in
from app.services.limits import Limits
from tests import builders

GOOD = "violet teapot orbit"
OTHER = "seven quiet engines"
CHEAP = PasswordHasher.from_parameters(CHEAPEST).hash(GOOD)
HERE = "10.0.0.1"


@pytest.fixture
def counts():
    return Limits(None)


def person(db, **columns):
    return builders.user(db, **{"handle": "ada", "email": "ada@example.org", "password_hash": CHEAP, **columns})


def enter(db, counts, name="ada", password=GOOD, address=HERE):
    return sign_in.with_password(db, counts, name=name, password=password, address=address)


@pytest.mark.parametrize("name", ["ada", " Ada ", "ADA@example.org"])
def test_handle_or_e_mail_and_password_sign_in(db, counts, name):
    user = person(db)
    assert enter(db, counts, name) == user


def test_a_hash_with_old_parameters_is_made_anew_at_sign_in(db, counts):
    user = person(db)
    enter(db, counts)
    assert user.password_hash != CHEAP
    assert not passwords.is_outdated(user.password_hash)


@pytest.mark.parametrize(
    ("name", "password", "columns"),
    [
        ("ada", "wrong password", {}),
        ("nobody", GOOD, {}),
        ("ada", GOOD, {"password_hash": None}),
        ("ada", GOOD, {"disabled_at": builders.now()}),
        ("ada", "", {}),
    ],
)
def test_whatever_is_wrong_the_answer_and_the_work_are_the_same(db, counts, monkeypatch, name, password, columns):
    person(db, **columns)
    verified = []
    monkeypatch.setattr(sign_in.passwords, "matches", lambda *given: verified.append(given))
    with pytest.raises(NotSignedIn) as caught:
        enter(db, counts, name, password)
    assert (caught.value.message, len(verified)) == (sign_in.WRONG, 1)


@pytest.fixture
def instant(monkeypatch):
    """No hash is computed: for tests of counting alone."""
    monkeypatch.setattr(sign_in.passwords, "matches", lambda password, stored: password == GOOD and stored == CHEAP)
    monkeypatch.setattr(sign_in.passwords, "is_outdated", lambda _: False)


def fail(db, counts, name="ada", address=HERE):
    with pytest.raises(NotSignedIn):
        enter(db, counts, name, "wrong", address)


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_after_five_tries_a_name_is_locked_here_whether_it_is_known_or_not(db, counts, instant, name):
    person(db)
    for _ in range(limits.NAME_HERE.amount):
        fail(db, counts, name)
    with pytest.raises(TooMany):
        enter(db, counts, name, GOOD)


def test_a_name_that_is_locked_at_one_address_is_free_at_another(db, counts, instant):
    user = person(db)
    for _ in range(limits.NAME_HERE.amount):
        fail(db, counts)
    assert enter(db, counts, address="10.0.0.2") == user


def test_a_name_guessed_from_many_addresses_is_locked_everywhere(db, counts, instant):
    person(db)
    for number in range(limits.NAME_ANYWHERE.amount):
        fail(db, counts, address=f"10.0.{number}.1")
    with pytest.raises(TooMany):
        enter(db, counts, address="10.1.0.1")


def test_an_address_that_guesses_many_names_is_locked_out(db, counts, instant):
    person(db)
    for number in range(limits.ADDRESS.amount):
        fail(db, counts, name=f"name {number}")
    with pytest.raises(TooMany):
        enter(db, counts)
    assert enter(db, counts, address="10.0.0.2")


def test_signing_in_counts_against_nobody(db, counts, instant):
    person(db)
    for _ in range(3 * limits.NAME_HERE.amount):
        enter(db, counts)


def test_a_changed_password_ends_other_sessions_and_links_and_is_an_event(db, counts):
    user = person(db)
    here, elsewhere = accounts.open_session(db, user=user), accounts.open_session(db, user=user)
    link = links.make(db, user=user, purpose=LinkPurpose.SIGN_IN, actor=None)
    sign_in.change_password(db, counts, user=user, present=GOOD, password=OTHER, keep=here, address=HERE)
    assert [accounts.signed_in(db, token) for token in (here, elsewhere)] == [user, None]
    with pytest.raises(Gone):
        links.holder(db, link, purpose=LinkPurpose.SIGN_IN)
    assert enter(db, counts, password=OTHER) == user
    assert db.scalars(select(Event).where(Event.what == "user.password_set")).one().actor_id == user.id


def test_the_present_password_is_asked_for_and_its_tries_are_counted(db, counts, instant):
    user = person(db)
    for _ in range(limits.NAME_HERE.amount):
        with pytest.raises(NotSignedIn):
            sign_in.change_password(db, counts, user=user, present="no", password=OTHER, keep=None, address=HERE)
    with pytest.raises(TooMany):
        sign_in.change_password(db, counts, user=user, present=GOOD, password=OTHER, keep=None, address=HERE)
    assert user.password_hash == CHEAP


def test_who_has_no_password_yet_sets_one_without(db, counts):
    user = person(db, password_hash=None)
    sign_in.change_password(db, counts, user=user, present="", password=OTHER, keep=None, address=HERE)
    assert passwords.matches(OTHER, user.password_hash)


def test_a_reset_link_sets_a_password_once_and_ends_every_session(db):
    user = person(db)
    session = accounts.open_session(db, user=user)
    first, second = (links.make(db, user=user, purpose=LinkPurpose.RESET, actor=None) for _ in range(2))
    with pytest.raises(BadInput):
        sign_in.reset_password(db, first, password="short")
    assert sign_in.reset_password(db, first, password=OTHER) == user
    assert passwords.matches(OTHER, user.password_hash)
    assert accounts.signed_in(db, session) is None
    for token in (first, second):
        with pytest.raises(Gone):
            sign_in.reset_password(db, token, password=GOOD)


def test_signing_up_makes_an_annotator_s_account(db):
    user = sign_in.sign_up(db, handle="ada", password=GOOD, email="ada@example.org")
    assert (user.role.value, user.is_guest, user.email_verified) == ("annotator", False, False)
    assert passwords.matches(GOOD, user.password_hash)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"handle": "eve@example.org"}, "handle"),
        ({"handle": ""}, "handle"),
        ({"password": "short"}, "password"),
        ({"password": "ada ada ada", "handle": "ada ada ada"}, "password"),
        ({"email": "nowhere"}, "email"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(db, given, field):
    with pytest.raises(BadInput) as caught:
        sign_in.sign_up(db, **{"handle": "ada", "password": GOOD, **given})
    assert list(caught.value.fields) == [field]


def test_a_guest_who_makes_an_account_stays_the_same_person_and_loses_the_personal_link(db):
    guest = accounts.add_guest(db, display_name="Ada", role=Role.ANNOTATOR, actor=None)
    link = links.make(db, user=guest, purpose=LinkPurpose.PERSONAL, actor=guest)
    sign_in.make_account(db, user=guest, handle="ada", password=GOOD, email=None, keep=None)
    assert (guest.handle, guest.is_guest) == ("ada", False)
    with pytest.raises(Gone):
        links.use(db, link, purpose=LinkPurpose.PERSONAL)
    with pytest.raises(Conflict):
        sign_in.sign_up(db, handle="Ada", password=GOOD)
