from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.errors import BadInput, Conflict, Gone, NotFound
from app.models import Answer, Event, Invite, InviteUse, Purpose, Role, User
from app.services import accounts, invite_views, invites, passwords
from app.services.invites import Newcomer
from tests import builders

ADA = Newcomer(display_name="Ada")
ACCOUNT = Newcomer(handle="ada", password="violet teapot orbit", email="ada@example.org")


def made(session, **options):
    return invites.make(session, **{"name": "Friends", "actor": None, **options})[0]


def test_an_invite_is_made_with_an_event_and_its_token_kept_as_a_hash_only(db):
    admin = builders.user(db, role=Role.ADMIN)
    invite, token = invites.make(db, name=" Friends ", actor=admin, max_uses=3, days=7)
    assert invites.find(db, token) == invite
    assert token not in (invite.token_sha256, invite.name)
    assert (invite.name, invite.role, invite.uses, invite.max_uses) == ("Friends", Role.ANNOTATOR, 0, 3)
    assert invite.expires_at - invite.created_at == timedelta(days=7)
    event = db.scalars(select(Event).where(Event.what == "invite.made")).one()
    assert (event.object_id, event.actor_id) == (invite.id, admin.id)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": " "}, "name"),
        ({"max_uses": 0}, "max_uses"),
        ({"days": 0}, "days"),
        ({"choices_wanted": 0}, "choices_wanted"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"return_url": "//panel.example"}, "return_url"),
        ({"completion_code": "x" * 201}, "completion_code"),
    ],
)
def test_what_cannot_be_used_is_named(db, options, field):
    with pytest.raises(BadInput) as caught:
        made(db, **options)
    assert list(caught.value.fields) == [field]


def test_an_unknown_study_or_token_is_said(db):
    with pytest.raises(NotFound):
        made(db, study_id=999_999)
    with pytest.raises(NotFound):
        invites.find(db, "x" * 43)


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.ADMIN])
def test_who_sees_a_study_s_data_needs_an_account(db, role):
    assert invites.needs_account(db, made(db, role=role))


def test_a_study_may_ask_for_an_account(db):
    strict = builders.study(db, settings=builders.settings(labeling={"requires_account": True}))
    assert invites.needs_account(db, made(db, study_id=strict.id))
    assert not invites.needs_account(db, made(db, study_id=builders.study(db).id))


def test_a_display_name_is_enough_to_come_in(db):
    invite = made(db)
    user = invites.come_in(db, invite, newcomer=ADA)
    db.refresh(invite)
    assert (user.display_name, user.is_guest, user.role, invite.uses) == ("Ada", True, Role.ANNOTATOR, 1)
    assert invites.use_of(db, invite, user=user) is not None


def test_where_an_account_is_needed_a_name_alone_is_not_enough(db):
    invite = made(db, role=Role.RESEARCHER)
    with pytest.raises(BadInput), db.begin_nested():
        invites.come_in(db, invite, newcomer=ADA)
    user = invites.come_in(db, invite, newcomer=ACCOUNT)
    assert (user.handle, user.is_guest, user.role) == ("ada", False, Role.RESEARCHER)
    assert passwords.matches(ACCOUNT.password, user.password_hash)


def test_an_invite_raises_a_role_and_never_lowers_one(db):
    low, high = builders.user(db), builders.user(db, role=Role.ADMIN)
    invite = made(db, role=Role.RESEARCHER)
    for user in (low, high):
        invites.join(db, invite, user=user)
    assert (low.role, high.role) == (Role.RESEARCHER, Role.ADMIN)


def test_coming_again_uses_nothing_up(db):
    invite, user = made(db, max_uses=1), builders.user(db)
    uses = [invites.join(db, invite, user=user) for _ in range(3)]
    db.refresh(invite)
    assert len({use.id for use in uses}) == 1
    assert invite.uses == 1


def test_a_guest_makes_an_account_before_an_invite_that_needs_one(db):
    guest = accounts.add_guest(db, display_name="Ada", role=Role.ANNOTATOR, actor=None)
    with pytest.raises(Conflict, match="needs an account"):
        invites.join(db, made(db, role=Role.RESEARCHER), user=guest)
    assert guest.role is Role.ANNOTATOR


@pytest.mark.parametrize("over", ["revoked", "expired", "used_up"])
def test_an_invite_that_is_over_lets_nobody_in_and_says_why(db, over):
    invite = made(db, max_uses=1)
    if over == "revoked":
        invites.revoke(db, invite_id=invite.id, actor=None)
    elif over == "expired":
        invite.expires_at = builders.now() - timedelta(seconds=1)
    else:
        invites.join(db, invite, user=builders.user(db))
    db.flush()
    with pytest.raises(Gone), db.begin_nested():
        invites.come_in(db, invite, newcomer=ADA)
    assert invite_views.line(db, invite.id).state == over
    assert db.scalar(select(func.count()).select_from(User).where(User.is_guest)) == 0


def test_the_same_outside_id_leads_to_the_same_person(db):
    invite = made(db, max_uses=1)
    user = invites.come_in(db, invite, newcomer=ADA, participant="p-1")
    assert invites.returning(db, invite, "p-1") == user
    assert invites.come_in(db, invite, newcomer=ADA, participant="p-1") == user
    assert invites.returning(db, invite, "p-2") is None
    assert invites.returning(db, made(db), "p-1") is None


def test_an_outside_id_signs_nobody_in_who_has_an_account(db):
    invite = made(db)
    user = invites.come_in(db, invite, newcomer=ADA, participant="p-1")
    user.is_guest = False
    db.flush()
    with pytest.raises(Conflict, match="has an account"):
        invites.returning(db, invite, "p-1")


def test_someone_else_s_outside_id_is_refused(db):
    invite = made(db)
    invites.come_in(db, invite, newcomer=ADA, participant="p-1")
    with pytest.raises(Conflict, match="Someone else"):
        invites.join(db, invite, user=builders.user(db), participant="p-1")


def test_two_at_once_cannot_both_take_the_last_use(sessions):
    with transaction(sessions) as session:
        invite_id = made(session, max_uses=1).id
    with sessions() as slow, slow.begin():
        invite = slow.get_one(Invite, invite_id)
        invites.require_open(slow, invite)
        with transaction(sessions) as quick:
            invites.come_in(quick, quick.get_one(Invite, invite_id), newcomer=ADA)
        with pytest.raises(Gone, match="used as often"):
            invites.come_in(slow, invite, newcomer=Newcomer(display_name="Grace"))
        slow.rollback()
    with transaction(sessions) as session:
        assert session.get_one(Invite, invite_id).uses == 1
        assert len(session.scalars(select(InviteUse)).all()) == 1


def test_the_same_outside_id_from_two_windows_at_once_is_one_person(sessions):
    with transaction(sessions) as session:
        invite_id = made(session).id
    with sessions() as slow, slow.begin():
        invite = slow.get_one(Invite, invite_id)
        assert invites.returning(slow, invite, "p-1") is None
        with transaction(sessions) as quick:
            first = invites.come_in(quick, quick.get_one(Invite, invite_id), newcomer=ADA, participant="p-1")
        assert invites.come_in(slow, invite, newcomer=ADA, participant="p-1").id == first.id
    with transaction(sessions) as session:
        assert session.get_one(Invite, invite_id).uses == 1


def test_the_ending_counts_choices_since_the_person_came_in(db):
    study = builders.study(db)
    round_ = builders.round_(db, study_id=study.id)
    user, other = builders.user(db), builders.user(db)
    invite = made(db, study_id=study.id, choices_wanted=3, return_url="https://panel.example/end?id={participant}")
    invites.join(db, invite, user=user, participant="p/1")

    def answered(who, purpose=Purpose.COUNTED, **columns):
        pair = builders.pair(db, round_id=round_.id)
        lease = builders.lease(db, pair_id=pair.id, user_id=who.id, purpose=purpose)
        builders.choice(db, lease_id=lease.id, **{"made_at": builders.now(), **columns})

    answered(user)
    answered(user, Purpose.GOLD)
    answered(user, Purpose.WARM_UP)
    answered(user, answer=Answer.SKIP)
    answered(user, undone_at=builders.now())
    answered(user, made_at=builders.now() - timedelta(days=1))
    answered(other)
    ending = invites.ending(db, study_id=study.id, user=user)
    assert (ending.wanted, ending.made, ending.reached) == (3, 2, False)
    assert ending.return_url == "https://panel.example/end?id=p%2F1"
    answered(user)
    assert invites.ending(db, study_id=study.id, user=user).reached


def test_there_is_no_ending_for_who_came_by_no_invite_or_by_one_that_says_nothing(db):
    study, user = builders.study(db), builders.user(db)
    invites.join(db, made(db, study_id=study.id), user=user)
    invites.join(db, made(db, study_id=builders.study(db).id, completion_code="C1"), user=user)
    assert invites.ending(db, study_id=study.id, user=user) is None


def test_the_newest_invite_says_what_comes_at_the_end(db):
    study, user = builders.study(db), builders.user(db)
    for code in ("C1", "C2"):
        invites.join(db, made(db, study_id=study.id, completion_code=code), user=user)
    ending = invites.ending(db, study_id=study.id, user=user)
    assert (ending.wanted, ending.code, ending.reached) == (None, "C2", False)


def test_invites_are_listed_newest_first_with_their_study(db):
    study = builders.study(db, name="Emoji")
    ids = [made(db, name=name, study_id=study.id).id for name in ("first", "second", "third")]
    shown = [(line.name, line.study, line.state) for line in invite_views.lines(db, before=ids[2], limit=2)]
    assert shown == [("second", "Emoji", "open"), ("first", "Emoji", "open")]
