import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.errors import Conflict
from app.models import Delivery, Event, MailWish, Role, Round, RoundState, User, Webhook
from app.services import events, mail_wishes, outbox, round_moves
from tests import builders


def told(session: Session) -> list[tuple[str, int | None, int | None]]:
    rows = session.scalars(select(Delivery).order_by(Delivery.id))
    return [(row.body["type"], row.webhook_id, row.user_id) for row in rows]


def reader(session: Session, **columns) -> User:
    number = len(session.scalars(select(User.id)).all())
    return builders.user(session, **{"role": Role.ADMIN, "email": f"reader{number}@example.org", **columns})


def test_every_move_of_a_round_can_be_told() -> None:
    assert {f"round.{move.event}" for move in round_moves.TABLE} <= set(outbox.ROUND_EVENTS)
    assert set(outbox.BY_DEFAULT) <= set(outbox.ROUND_EVENTS)


def test_a_move_is_told_to_webhooks_of_the_study_or_of_all_that_take_its_kind(db: Session) -> None:
    round_ = builders.round_(db)
    everything = builders.webhook(db)
    of_study = builders.webhook(db, study_id=round_.study_id, events=["round.pause"])
    builders.webhook(db, study_id=builders.study(db).id)
    builders.webhook(db, events=["round.trained"])
    builders.webhook(db, off_at=builders.now())
    round_moves.pause(db, round_id=round_.id, actor=None)
    assert told(db) == [("round.pause", everything.id, None), ("round.pause", of_study.id, None)]


def test_what_is_sent_says_how_things_were_when_it_happened(db: Session) -> None:
    study, ada = builders.study(db, name="Emoji"), builders.user(db, display_name="Ada", role=Role.ADMIN)
    round_ = builders.round_(db, study_id=study.id, state=RoundState.LABELING)
    builders.webhook(db)
    round_moves.pause(db, round_id=round_.id, actor=ada)
    round_moves.resume(db, round_id=round_.id, actor=ada)
    body = db.scalars(select(Delivery).order_by(Delivery.id)).first().body
    event = db.scalars(select(Event).where(Event.what == "round.pause")).one()
    assert body["timestamp"].endswith("Z")
    assert body["data"] == {
        "event": event.id,
        "study": {"id": study.id, "name": "Emoji"},
        "round": {"id": round_.id, "kind": "preference", "number": 1, "state": "labeling", "hold": "paused"},
        "actor": {"id": ada.id, "name": "Ada"},
        "details": {"from": ["labeling", "none"], "to": ["labeling", "paused"]},
        "path": f"/admin/rounds/{round_.id}",
    }


def test_runs_and_checkpoints_are_told_as_of_their_round(db: Session) -> None:
    builders.webhook(db)
    checkpoint = builders.checkpoint(db)
    events.write(db, "checkpoint.made", checkpoint, number=1)
    body = db.scalars(select(Delivery)).one().body
    assert body["data"]["checkpoint"] == {"id": checkpoint.id, "number": 1}
    assert body["data"]["round"]["state"] == "training"
    assert body["data"]["path"] == f"/research/checkpoints/{checkpoint.id}"


def test_other_events_are_told_to_nobody(db: Session) -> None:
    builders.webhook(db)
    events.write(db, "study.changed", builders.study(db))
    assert told(db) == []


def test_a_move_that_is_rolled_back_is_told_to_nobody(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        round_ = builders.round_(session, state=RoundState.COMPLETE)
        builders.webhook(session)

    def launched_and_paused() -> None:
        with transaction(sessions) as session:
            events.write(session, "round.launched", session.get_one(Round, round_.id))
            round_moves.pause(session, round_id=round_.id, actor=None)

    with pytest.raises(Conflict):
        launched_and_paused()
    with transaction(sessions) as session:
        assert told(session) == []


def test_who_launched_a_round_hears_of_its_failure_and_its_end_by_themselves(db: Session) -> None:
    ada = reader(db)
    reader(db)
    round_ = builders.round_(db, launched_by_id=ada.id)
    events.write(db, "round.pairs_ready", round_)
    events.write(db, "round.fail", round_, reason="no")
    events.write(db, "round.trained", round_)
    assert told(db) == [("round.fail", None, ada.id), ("round.trained", None, ada.id)]


def test_a_wish_takes_the_place_of_the_default_and_a_followed_study_is_told_of(db: Session) -> None:
    ada, grace = reader(db), reader(db, role=Role.RESEARCHER)
    round_ = builders.round_(db, launched_by_id=ada.id)
    mail_wishes.wish(db, user=ada, study_id=None, kinds=["round.pairs_ready"])
    mail_wishes.wish(db, user=grace, study_id=round_.study_id, kinds=["round.fail"])
    mail_wishes.wish(db, user=grace, study_id=builders.study(db).id, kinds=["round.pairs_ready"])
    events.write(db, "round.pairs_ready", round_)
    events.write(db, "round.fail", round_, reason="no")
    assert told(db) == [("round.pairs_ready", None, ada.id), ("round.fail", None, grace.id)]


def test_who_made_the_move_knows_of_it(db: Session) -> None:
    ada, grace = reader(db), reader(db)
    round_ = builders.round_(db, launched_by_id=ada.id)
    for person in (ada, grace):
        mail_wishes.wish(db, user=person, study_id=round_.study_id, kinds=["round.pause"])
    round_moves.pause(db, round_id=round_.id, actor=ada)
    assert told(db) == [("round.pause", None, grace.id)]


@pytest.mark.parametrize("columns", [{"email": None}, {"disabled_at": builders.now()}, {"role": Role.ANNOTATOR}])
def test_who_has_no_address_is_disabled_or_sees_no_rounds_is_not_written_to(db: Session, columns: dict) -> None:
    ada = reader(db, **columns)
    db.add(MailWish(user_id=ada.id, study_id=None, events=list(outbox.ROUND_EVENTS)))
    events.write(db, "round.trained", builders.round_(db, launched_by_id=ada.id))
    assert told(db) == []


def test_a_webhook_that_goes_takes_its_deliveries_with_it(db: Session) -> None:
    delivery = builders.delivery(db)
    db.delete(db.get_one(Webhook, delivery.webhook_id))
    db.flush()
    assert told(db) == []
