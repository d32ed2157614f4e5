import pytest
from sqlalchemy import select

from app.db import transaction
from app.errors import Conflict, Gone, NotFound
from app.models import Event, LinkPurpose, Role, User, UserKind
from app.services import accounts, invites, links, people, tallies
from tests import builders


def admin(db, **columns):
    return builders.user(db, role=Role.ADMIN, **columns)


def test_people_are_listed_newest_first_with_what_they_did(db):
    ada = builders.user(db, handle="ada", display_name="Ada L.", email="ada@example.org", password_hash="x")
    builders.user(db, kind=UserKind.JUDGE)
    guest = accounts.add_guest(db, display_name="Grace", role=Role.ANNOTATOR, actor=None)
    accounts.open_session(db, user=ada)
    builders.choice(db, user_id=ada.id)
    builders.choice(db, user_id=ada.id, undone_at=builders.now())
    tallies.catch_up(db)
    shown = {line.id: line for line in people.lines(db)}
    assert list(shown)[:2] == [guest.id, ada.id]
    assert (shown[ada.id].choices, shown[ada.id].has_password, shown[ada.id].is_outside) == (1, True, False)
    assert shown[ada.id].seen_at is not None
    assert (shown[guest.id].is_guest, shown[guest.id].seen_at) == (True, None)


@pytest.mark.parametrize("part", ["ada", "L.", "EXAMPLE", "a%", "_"])
def test_a_part_of_name_or_e_mail_finds_people_and_stands_for_itself(db, part):
    ada = builders.user(db, handle="ada", display_name="Ada L.", email="ada@example.org")
    builders.user(db, handle="grace")
    found = [line.id for line in people.lines(db, named=part)]
    assert found == ([] if part in {"a%", "_"} else [ada.id])


def test_a_judge_is_no_person(db):
    judge = builders.user(db, kind=UserKind.JUDGE)
    for look in (people.line, people.get):
        with pytest.raises(NotFound):
            look(db, judge.id)


def test_a_role_is_changed_with_an_event(db):
    boss, user = admin(db), builders.user(db)
    people.set_role(db, user=user, role=Role.RESEARCHER, actor=boss)
    assert user.role is Role.RESEARCHER
    event = db.scalars(select(Event).where(Event.what == "user.role_changed")).one()
    assert (event.actor_id, event.object_id) == (boss.id, user.id)
    assert event.details == {"before": "annotator", "role": "researcher"}
    assert [(row.what, name) for row, name in people.history(db, user.id)] == [(event.what, boss.display_name)]


def test_the_last_admin_stays(db):
    boss = admin(db)
    accounts.local_admin(db)  # whoever sits at the machine may be nobody's admin tomorrow
    admin(db, disabled_at=builders.now())
    for change in (
        lambda: people.set_role(db, user=boss, role=Role.ANNOTATOR, actor=boss),
        lambda: people.disable(db, user=boss, actor=boss),
    ):
        with pytest.raises(Conflict, match="last admin"):
            change()
    admin(db)
    people.set_role(db, user=boss, role=Role.ANNOTATOR, actor=boss)


def test_of_two_admins_who_demote_each_other_at_once_one_stays(sessions):
    with transaction(sessions) as session:
        ids = [admin(session).id for _ in range(2)]
    with sessions() as slow, slow.begin():
        other = slow.get_one(User, ids[1])
        with transaction(sessions) as quick:
            people.set_role(quick, user=quick.get_one(User, ids[0]), role=Role.ANNOTATOR, actor=None)
        with pytest.raises(Conflict):
            people.set_role(slow, user=other, role=Role.ANNOTATOR, actor=None)


def test_a_guest_gets_no_role_that_shows_data(db):
    guest = accounts.add_guest(db, display_name="Grace", role=Role.ANNOTATOR, actor=None)
    with pytest.raises(Conflict, match="guest"):
        people.set_role(db, user=guest, role=Role.RESEARCHER, actor=None)


def test_a_disabled_person_loses_sessions_and_links_and_may_come_back(db):
    user = builders.user(db)
    session = accounts.open_session(db, user=user)
    link = links.make(db, user=user, purpose=LinkPurpose.SIGN_IN, actor=None)
    for _ in range(2):
        people.disable(db, user=user, actor=None)
    assert accounts.signed_in(db, session) is None
    people.enable(db, user=user, actor=None)
    assert accounts.signed_in(db, session) is None
    with pytest.raises(Gone):
        links.holder(db, link, purpose=LinkPurpose.SIGN_IN)
    assert [row.what for row, _ in people.history(db, user.id)][:2] == ["user.enabled", "user.disabled"]


def test_someone_is_signed_out_everywhere(db):
    user = builders.user(db)
    tokens = [accounts.open_session(db, user=user) for _ in range(2)]
    assert people.sign_out(db, user=user, actor=None) == 2
    assert [accounts.signed_in(db, token) for token in tokens] == [None, None]


def test_it_is_said_by_which_invite_someone_came(db):
    user = builders.user(db)
    invite, _ = invites.make(db, name="Panel", actor=None)
    invites.join(db, invite, user=user, participant="p-1")
    assert people.came_by(db, user.id) == [("Panel", "p-1")]
