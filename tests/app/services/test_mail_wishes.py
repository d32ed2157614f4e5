import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Forbidden, NotFound, TooMany, Unavailable
from app.models import Delivery, Role, User
from app.services import mail_wishes
from app.settings import make_settings
from tests import builders

MAIL = make_settings(smtp_host="smtp.example.org", mail_from="us@taste.example")


@pytest.fixture
def ada(db: Session) -> User:
    return builders.user(db, role=Role.RESEARCHER, email="ada@example.org")


def test_all_that_may_be_wished_for_is_listed_as_it_stands(db: Session, ada: User) -> None:
    study, old, followed = builders.study(db), builders.study(db), builders.study(db)
    old.archived_at = followed.archived_at = builders.now()
    mail_wishes.wish(db, user=ada, study_id=followed.id, kinds=["round.trained", "round.launched"])
    own, *studies = mail_wishes.lines(db, ada)
    assert (own.study_id, own.kinds) == (None, ["round.fail", "round.trained", "round.judged", "warning.raised"])
    assert [(wish.study_id, wish.kinds) for wish in studies] == [
        (study.id, []), (followed.id, ["round.launched", "round.trained"]),
    ]  # fmt: skip


def test_a_wish_takes_the_place_of_the_one_before_and_nothing_is_a_wish_too(db: Session, ada: User) -> None:
    for kinds in (["round.fail"], []):
        mail_wishes.wish(db, user=ada, study_id=None, kinds=kinds)
    assert mail_wishes.lines(db, ada)[0].kinds == []


def test_what_cannot_be_wished_for_is_refused(db: Session, ada: User) -> None:
    with pytest.raises(BadInput, match="no event choice"):
        mail_wishes.wish(db, user=ada, study_id=None, kinds=["choice"])
    with pytest.raises(NotFound):
        mail_wishes.wish(db, user=ada, study_id=10**9, kinds=[])
    with pytest.raises(Forbidden):
        mail_wishes.wish(db, user=builders.user(db), study_id=None, kinds=[])


def test_a_test_mail_is_tried_once_and_not_more_than_one_a_minute(db: Session, ada: User) -> None:
    delivery = mail_wishes.test(db, MAIL, user=ada)
    assert (delivery.user_id, delivery.retried, delivery.body["type"]) == (ada.id, False, "mail.tested")
    with pytest.raises(TooMany):
        mail_wishes.test(db, MAIL, user=ada)
    assert len(db.scalars(select(Delivery)).all()) == 1


def test_a_test_mail_needs_a_server_and_an_address(db: Session, ada: User) -> None:
    with pytest.raises(Unavailable):
        mail_wishes.test(db, make_settings(), user=ada)
    ada.email = None
    with pytest.raises(Conflict, match="no e-mail address"):
        mail_wishes.test(db, MAIL, user=ada)
