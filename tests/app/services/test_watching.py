"""Warnings are raised once, with their event; and the study does by itself what its settings say."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.models import (
    Checkpoint,
    Delivery,
    Event,
    Hold,
    JobKind,
    JobState,
    Metric,
    Role,
    Round,
    RoundKind,
    RoundState,
    RunState,
    Study,
    StudyWarning,
    StudyWatch,
    TrainingRun,
)
from app.services import round_moves, studies, watching
from app.services.sweep import sweep
from app.settings import Settings, activate
from tests import builders, scenes
from tests.queries import counted

FAR = {"kl_base": 2.0, "kl_sampled": 1.0}


def study_that(session: Session, **acts: Any) -> Study:
    """A study with these settings of what it watches for."""
    return builders.study(session, settings=builders.settings(watching=acts), auto_rounds=3)


def trained(session: Session, study: Study, parent: Checkpoint | None = None, **values: float | None) -> Checkpoint:
    """A complete round whose run measured these values at its last step; its checkpoint is the study's current one."""
    round_ = builders.round_(
        session, study_id=study.id, state=RoundState.COMPLETE, checkpoint_id=parent.id if parent else None
    )
    run = builders.training_run(session, round_id=round_.id, state=RunState.FINISHED, ended_at=builders.now())
    builders.metric(session, training_run_id=run.id, values={"accuracy": 1.0, **values})
    made = builders.checkpoint(session, training_run_id=run.id, parent_id=parent.id if parent else None)
    study.current_checkpoint_id = made.id
    session.flush()
    return made


def warnings(session: Session) -> list[StudyWarning]:
    return list(session.scalars(select(StudyWarning).order_by(StudyWarning.id)))


def whats(session: Session) -> list[str]:
    return list(session.scalars(select(Event.what).order_by(Event.id)))


def test_a_warning_is_raised_once_with_its_event(db: Session) -> None:
    study = study_that(db)
    made = trained(db, study, **FAR)

    (raised,) = watching.look(db, study.id)

    assert (raised.name, raised.training_run_id, raised.stopped_at) == ("kl", made.training_run_id, None)
    assert raised.figures == {"base": 2.0, "round": 1.0, "base_above": 0.3, "round_above": 0.15}
    event = db.scalars(select(Event).where(Event.what == "warning.raised")).one()
    assert (event.object_type, event.object_id, event.study_id) == ("rounds", raised.round_id, study.id)
    assert event.details["warning"] == "kl"
    assert "moved the policy 2 away from the base model" in event.details["reason"]
    assert study.auto_rounds == 3
    assert watching.look(db, study.id) == []
    assert whats(db) == ["warning.raised"]


def test_what_is_off_is_not_looked_for(db: Session) -> None:
    study = study_that(db, kl="off")
    trained(db, study, **FAR)
    assert watching.look(db, study.id) == []


def test_another_run_of_the_round_has_warnings_of_its_own(db: Session) -> None:
    study = study_that(db)
    made = trained(db, study, **FAR)
    (first,) = watching.look(db, study.id)
    again = builders.training_run(db, round_id=first.round_id, state=RunState.RUNNING)
    builders.metric(db, training_run_id=again.id, values=FAR)

    (second,) = watching.look(db, study.id)

    assert (first.training_run_id, second.training_run_id) == (made.training_run_id, again.id)
    assert first.round_id == second.round_id


def test_a_study_that_stops_launches_no_more_and_its_open_round_stands_still(db: Session) -> None:
    study = study_that(db, kl="stop")
    made = trained(db, study, **FAR)
    round_ = builders.round_(db, study_id=study.id, checkpoint_id=made.id)

    (raised,) = watching.look(db, study.id)

    assert raised.stopped_at is not None
    db.refresh(study)
    db.refresh(round_)
    assert (study.auto_rounds, round_.hold, round_.state) == (0, Hold.PAUSED, RoundState.LABELING)
    assert whats(db) == ["warning.raised", "study.auto_rounds_set", "round.pause"]
    pause = db.scalars(select(Event).where(Event.what == "round.pause")).one()
    assert pause.actor_id is None
    assert pause.details["reason"].startswith("KL is running away. Training has moved")
    assert study.current_checkpoint_id == made.id


def test_a_round_that_was_let_go_on_is_not_stopped_again(db: Session) -> None:
    study = study_that(db, kl="stop")
    made = trained(db, study, **FAR)
    round_ = builders.round_(db, study_id=study.id, checkpoint_id=made.id)
    watching.look(db, study.id)
    round_moves.resume(db, round_id=round_.id, actor=None)
    assert watching.look(db, study.id) == []
    db.refresh(round_)
    assert round_.hold is Hold.NONE


def test_a_round_that_failed_stays_as_it_is(db: Session) -> None:
    study = study_that(db, not_finite="stop")
    round_ = builders.round_(
        db, study_id=study.id, state=RoundState.TRAINING, hold=Hold.FAILED, hold_reason="The loss is nan."
    )
    builders.training_run(db, round_id=round_.id, state=RunState.FAILED, summary={"diverged_at": 7})

    (raised,) = watching.look(db, study.id)

    assert raised.figures == {"step": 7}
    db.refresh(study)
    db.refresh(round_)
    assert (study.auto_rounds, round_.hold, round_.hold_reason) == (0, Hold.FAILED, "The loss is nan.")


def test_a_comparison_goes_on_where_the_study_stops(db: Session) -> None:
    study = study_that(db, kl="stop")
    trained(db, study, **FAR)
    comparison = builders.round_(db, study_id=study.id, kind=RoundKind.EVALUATION)
    watching.look(db, study.id)
    db.refresh(comparison)
    assert comparison.hold is Hold.NONE


def test_a_study_goes_back_to_the_last_checkpoint_that_nothing_was_wrong_with(db: Session) -> None:
    study = study_that(db, kl="go_back")
    good = trained(db, study, kl_base=0.1, kl_sampled=0.1)
    bad = trained(db, study, good, **FAR)
    worse = trained(db, study, bad, **FAR)

    for raised in watching.look(db, study.id):
        assert raised.stopped_at is not None

    db.refresh(study)
    assert study.current_checkpoint_id == good.id
    moved = db.scalars(select(Event).where(Event.what == "study.checkpoint_set")).one()
    assert (moved.actor_id, moved.details) == (None, {"before": worse.id, "after": good.id})
    of_bad, of_worse = warnings(db)
    assert (of_bad.training_run_id, of_bad.went_back_at) == (bad.training_run_id, None)
    assert of_worse.went_back_at is not None
    assert of_worse.figures["went_back_to"] == good.number


def test_a_study_goes_back_to_the_base_where_no_checkpoint_is_good(db: Session) -> None:
    study = study_that(db, kl="go_back")
    trained(db, study, **FAR)
    watching.look(db, study.id)
    db.refresh(study)
    assert study.current_checkpoint_id is None
    assert warnings(db)[0].figures["went_back_to"] == 0


def test_a_study_goes_back_only_once_no_round_is_open(db: Session) -> None:
    study = study_that(db, kl="go_back")
    good = trained(db, study, kl_base=0.1, kl_sampled=0.1)
    bad = trained(db, study, good, **FAR)
    round_ = builders.round_(db, study_id=study.id, checkpoint_id=bad.id)

    watching.look(db, study.id)
    db.refresh(study)
    assert study.current_checkpoint_id == bad.id

    round_moves.cancel(db, round_id=round_.id, actor=None)
    watching.look(db, study.id)
    db.refresh(study)
    assert study.current_checkpoint_id == good.id


def test_an_admin_who_takes_the_checkpoint_all_the_same_is_not_overruled(db: Session) -> None:
    study = study_that(db, kl="go_back")
    bad = trained(db, study, **FAR)
    watching.look(db, study.id)
    studies.set_checkpoint(db, study_id=study.id, checkpoint_id=bad.id, actor=None)
    watching.look(db, study.id)
    db.refresh(study)
    assert study.current_checkpoint_id == bad.id


def test_pairs_that_look_the_same_are_a_warning_of_the_round(db: Session) -> None:
    study = study_that(db, alike="stop")
    round_ = builders.round_(db, study_id=study.id)
    for number in range(10):
        builders.pair(db, round_id=round_.id, distance=0.001 if number < 4 else 0.2)

    (raised,) = watching.look(db, study.id)

    assert (raised.name, raised.round_id, raised.training_run_id) == ("alike", round_.id, None)
    db.refresh(round_)
    assert round_.hold is Hold.PAUSED


def test_the_cost_of_a_look_does_not_grow_with_the_study(db: Session) -> None:
    study = study_that(db)
    parent = trained(db, study, kl_base=0.1)
    engine = db.get_bind().engine
    with counted(engine) as few:
        watching.look(db, study.id)
    for _ in range(5):
        parent = trained(db, study, parent, kl_base=0.1)
        for step in range(2, 60):
            db.add(Metric(training_run_id=parent.training_run_id, step=step, values={"accuracy": 1.0}))
    db.flush()
    with counted(engine) as many:
        watching.look(db, study.id)
    runs = 2  # the one that made the current checkpoint, and the newest round's own
    assert len(many) <= len(few) + 8 * (runs - 1)


def test_the_stop_that_matters_is_the_newest(db: Session) -> None:
    study = study_that(db, kl="stop")
    assert watching.stopped_by(db, study.id) is None
    bad = trained(db, study, **FAR)
    (raised,) = watching.look(db, study.id)
    assert watching.stopped_by(db, study.id) == raised
    studies.set_checkpoint(db, study_id=study.id, checkpoint_id=None, actor=None)
    trained(db, study, kl_base=0.1)
    assert watching.stopped_by(db, study.id) is None
    assert bad.id != study.current_checkpoint_id


def test_a_warning_reaches_who_launched_the_round(db: Session) -> None:
    study = study_that(db)
    made = trained(db, study, **FAR)
    ada = builders.user(db, role=Role.ADMIN, email="ada@example.org")
    run = db.get_one(TrainingRun, made.training_run_id)
    db.get_one(Round, run.round_id).launched_by_id = ada.id
    db.flush()

    watching.look(db, study.id)

    sent = db.scalars(select(Delivery)).one()
    assert sent.user_id == ada.id
    assert sent.body["type"] == "warning.raised"
    assert sent.body["data"]["details"]["figures"]["base"] == 2.0
    assert sent.body["data"]["path"] == f"/admin/rounds/{run.round_id}"


# when a study is looked at


def looked_at(db: Session, study: Study, ago: timedelta, took_ms: int = 0) -> None:
    db.merge(StudyWatch(study_id=study.id, looked_at=builders.now() - ago, took_ms=took_ms))
    db.flush()


MINUTE = timedelta(minutes=1)


def test_a_study_that_nobody_looked_at_is_due(db: Session) -> None:
    study = study_that(db)
    assert watching.due(db) == [study.id]
    watching.look(db, study.id)
    assert watching.due(db) == []


def test_an_archived_study_is_not_looked_at(db: Session) -> None:
    study = study_that(db)
    study.archived_at = builders.now()
    db.flush()
    assert watching.due(db) == []


@pytest.mark.parametrize(
    ("job", "is_due"),
    [
        ({"state": JobState.DONE, "ended_at": 30}, True),
        ({"state": JobState.DONE, "ended_at": 90}, False),
        ({"state": JobState.WAITING}, False),
        ({"state": JobState.RUNNING}, False),
        ({"state": JobState.RUNNING, "kind": JobKind.TRAINING}, True),
    ],
)
def test_a_study_is_due_once_something_of_it_is_new(db: Session, job: dict[str, Any], is_due: bool) -> None:
    study = study_that(db)
    looked_at(db, study, MINUTE)
    if "ended_at" in job:
        job = {**job, "ended_at": builders.now() - timedelta(seconds=job["ended_at"])}
    if job["state"] is JobState.RUNNING:
        job = {**job, "lease_until": builders.now() + MINUTE}
    builders.job(db, study_id=study.id, **job)
    assert (watching.due(db) == [study.id]) is is_due


def test_a_study_is_due_once_a_round_of_it_has_ended(db: Session) -> None:
    study = study_that(db)
    looked_at(db, study, MINUTE)
    builders.round_(db, study_id=study.id, kind=RoundKind.EVALUATION, state=RoundState.COMPLETE)
    assert watching.due(db) == [study.id]


def test_looks_that_take_long_are_rare(db: Session) -> None:
    study = study_that(db)
    builders.round_(db, study_id=study.id, state=RoundState.COMPLETE)
    looked_at(db, study, MINUTE, took_ms=2_000)
    assert watching.due(db) == []
    looked_at(db, study, 2 * MINUTE, took_ms=2_000)
    db.execute(update(Round).values(ended_at=builders.now()))
    assert watching.due(db) == [study.id]


# the sweep


@pytest.fixture
def in_force(settings: Settings):  # type: ignore[no-untyped-def]
    with activate(settings):
        yield


def numbers(session: Session) -> list[int]:
    return list(session.scalars(select(Round.number).order_by(Round.id)))


@pytest.mark.usefixtures("in_force")
def test_a_study_that_stopped_itself_does_not_launch_its_next_round(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        study = study_that(session, kl="stop")
        trained(session, study, **FAR)
        looked_at(session, study, timedelta(0))  # just looked at: the look before the launch finds it all the same
    sweep(sessions)
    with transaction(sessions) as session:
        assert numbers(session) == [1]
        assert session.get_one(Study, study.id).auto_rounds == 0
        assert [warning.name for warning in warnings(session)] == ["kl"]


@pytest.mark.usefixtures("in_force")
def test_a_study_that_pictures_can_stop_waits_for_them(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        study = study_that(session, collapse="stop")
        made = trained(session, study, kl_base=0.1)
        job = builders.job(session, kind=JobKind.EVALUATION, study_id=study.id, checkpoint_id=made.id)
    sweep(sessions)
    with transaction(sessions) as session:
        assert numbers(session) == [1]
        session.merge(job).state = JobState.DONE
    sweep(sessions)
    with transaction(sessions) as session:
        assert numbers(session) == [1, 2]
        assert session.get_one(Study, study.id).auto_rounds == 2


@pytest.mark.usefixtures("in_force")
def test_a_study_that_nothing_stops_does_not_wait_for_pictures(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        study = study_that(session)
        made = trained(session, study, **FAR)
        builders.job(session, kind=JobKind.EVALUATION, study_id=study.id, checkpoint_id=made.id)
    sweep(sessions)
    with transaction(sessions) as session:
        assert numbers(session) == [1, 2]
        assert [warning.name for warning in warnings(session)] == ["kl"]


def test_the_last_good_checkpoints_of_many_are_found_by_one_query(db):
    study = builders.study(db)
    made: list[Checkpoint] = []
    for _ in range(5):
        made.append(scenes.checkpoint(db, study, parent=made[-1] if made else None))
    for bad in (made[1], made[2], made[4]):
        builders.warning(db, training_run_id=bad.training_run_id, name="collapse", figures={})
    with counted(db.get_bind().engine) as queries:
        found = watching.last_goods(db, [one.id for one in made])
    assert len(queries) == 1
    assert {one.number: found[one.id].number for one in made if one.id in found} == {2: 1, 3: 1, 4: 1, 5: 4}
