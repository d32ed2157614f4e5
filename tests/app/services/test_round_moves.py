from itertools import product
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.models import (
    FINAL,
    OPEN,
    Answer,
    Event,
    Hold,
    Job,
    JobKind,
    JobState,
    Lease,
    Pair,
    PairState,
    Prompt,
    Round,
    RoundKind,
    RoundState,
    RunState,
    Study,
    TrainingSet,
    User,
)  # fmt: skip
from app.services import choices, dealing, events, round_moves, rounds, training_runs
from app.services.round_moves import MOVES, By
from tests import builders


def labeled_round(session: Session, *answers: Answer, **columns: object) -> Round:
    """A round in labeling whose pairs have these answers, through the services."""
    round_ = builders.round_(session, **columns)
    user = builders.user(session)
    for _ in answers:
        builders.pair(session, round_id=round_.id)
    for answer in answers:
        [dealt] = dealing.deal(session, study_id=round_.study_id, user=user, count=1).pairs
        choices.record(
            session, pair_id=dealt.pair_id, user=user, answer=answer, key=uuid4(), lease_id=dealt.lease_id,
            response_ms=None,
        )  # fmt: skip
    return round_


def failed_training(session: Session) -> tuple[Round, User]:
    round_, admin = labeled_round(session, Answer.FIRST, Answer.SECOND), builders.user(session)
    round_moves.settle(session, round_.id)
    run = training_runs.newest(session, round_.id)
    assert run is not None
    training_runs.fail(session, run, "the loss is not finite")
    for job in session.scalars(select(Job).where(Job.round_id == round_.id, Job.kind == JobKind.TRAINING)):
        job.state = JobState.FAILED
    round_moves.make(session, round_, "fail", reason="the loss is not finite")
    return round_, admin


@pytest.mark.parametrize(("state", "hold"), [*product(RoundState, Hold)])
def test_no_move_leaves_a_final_state_and_none_is_offered_that_is_refused(
    db: Session, state: RoundState, hold: Hold
) -> None:
    round_ = builders.round_(db, state=state, hold=hold)
    fitting = {event for event, move in MOVES.items() if state in move.states and hold in move.holds}
    if state in FINAL:
        assert fitting == set()
    offered = round_moves.allowed(round_)
    for event in set(MOVES) - fitting:
        with pytest.raises(Conflict, match=f"Round {round_.number}"):
            round_moves.make(db, round_, event)
        assert event not in offered or event == "advance"


def test_every_open_round_can_be_cancelled_and_the_system_alone_cannot() -> None:
    assert MOVES["cancel"].states == frozenset(OPEN)
    assert MOVES["cancel"].by == frozenset({By.ADMIN})


def test_every_move_writes_its_event_with_who_and_from_where_to_where(db: Session) -> None:
    round_, admin = labeled_round(db, Answer.FIRST), builders.user(db)
    round_moves.pause(db, round_id=round_.id, actor=admin)
    event = events.of_round(db, round_.id)[0]
    assert (event.what, event.actor_id, event.study_id) == ("round.pause", admin.id, round_.study_id)
    assert event.details == {"from": ["labeling", "none"], "to": ["labeling", "paused"]}


def test_labeling_begins_with_the_first_pairs(db: Session) -> None:
    round_ = builders.round_(db, state=RoundState.GENERATING)
    builders.job(db, study_id=round_.study_id, round_id=round_.id)
    assert not round_moves.settle(db, round_.id)
    builders.pair(db, round_id=round_.id)
    assert round_moves.settle(db, round_.id)
    assert round_.state == RoundState.LABELING


def test_training_begins_when_every_pair_is_closed_and_nothing_is_being_drawn(db: Session) -> None:
    round_ = labeled_round(db, Answer.FIRST, Answer.TIE)
    job = builders.job(db, study_id=round_.study_id, round_id=round_.id)
    assert not round_moves.settle(db, round_.id)
    job.state = JobState.FAILED  # a chunk that failed for good is put aside
    assert round_moves.settle(db, round_.id)
    assert round_.state == RoundState.TRAINING
    run = training_runs.newest(db, round_.id)
    assert run is not None
    frozen = db.get_one(TrainingSet, run.training_set_id)
    assert [item["p"] for item in frozen.items] == [1.0, 0.5]
    [training] = db.scalars(select(Job).where(Job.round_id == round_.id, Job.kind == JobKind.TRAINING))
    assert (training.state, training.training_run_id) == (JobState.WAITING, run.id)
    assert not round_moves.settle(db, round_.id)


def test_train_now_cancels_chunks_not_yet_begun(db: Session) -> None:
    round_ = labeled_round(db, Answer.FIRST)
    builders.pair(db, round_id=round_.id)
    waiting = builders.job(db, study_id=round_.study_id, round_id=round_.id)
    round_moves.advance(db, round_id=round_.id, actor=builders.user(db))
    db.refresh(waiting)
    assert (round_.state, waiting.state) == (RoundState.TRAINING, JobState.CANCELLED)


def test_a_round_without_a_preference_fails_with_its_reason_and_can_be_labelled_on(db: Session) -> None:
    round_ = labeled_round(db, Answer.TIE, Answer.BOTH_BAD)
    assert round_moves.settle(db, round_.id)
    assert (round_.state, round_.hold) == (RoundState.LABELING, Hold.FAILED)
    assert "no pair to train on" in str(round_.hold_reason)
    assert {"retry", "cancel"} <= round_moves.allowed(round_)


def test_a_round_of_which_nothing_could_be_drawn_fails_and_says_why(db: Session) -> None:
    round_ = builders.round_(db, state=RoundState.GENERATING)
    job = builders.job(
        db, study_id=round_.study_id, round_id=round_.id, state=JobState.FAILED, error="Out of memory.",
        ended_at=builders.now(),
    )  # fmt: skip
    assert round_moves.settle(db, round_.id)
    assert (round_.hold, round_.hold_reason) == (Hold.FAILED, "No picture could be drawn. Out of memory.")
    round_moves.retry(db, round_id=round_.id, actor=None)
    db.refresh(job)
    assert (round_.hold, round_.hold_reason, job.state) == (Hold.NONE, None, JobState.WAITING)


def test_pause_keeps_the_state_and_resume_goes_on(db: Session) -> None:
    round_ = labeled_round(db, Answer.FIRST)
    round_moves.pause(db, round_id=round_.id, actor=None)
    assert not round_moves.settle(db, round_.id)
    round_moves.resume(db, round_id=round_.id, actor=None)
    assert round_moves.settle(db, round_.id)


def test_retry_goes_on_with_the_same_run_from_its_resume_point(db: Session) -> None:
    round_, admin = failed_training(db)
    run = training_runs.newest(db, round_.id)
    assert run is not None
    run.resume = {"key": "resume/7", "step": 7}
    round_moves.retry(db, round_id=round_.id, actor=admin)
    assert training_runs.newest(db, round_.id) is run
    assert (run.state, run.resume["step"], round_.hold) == (RunState.WAITING, 7, Hold.NONE)


def test_retry_with_other_settings_is_a_new_run_on_the_same_frozen_set(db: Session) -> None:
    round_, admin = failed_training(db)
    before = training_runs.newest(db, round_.id)
    assert before is not None
    round_moves.retry_with(db, round_id=round_.id, training={"learning_rate": 1e-5}, actor=admin)
    after = training_runs.newest(db, round_.id)
    assert after is not None
    assert (after.number, after.training_set_id) == (2, before.training_set_id)
    assert (before.settings["learning_rate"], after.settings["learning_rate"]) == (3e-5, 1e-5)
    assert (round_.state, round_.hold) == (RoundState.TRAINING, Hold.NONE)
    assert after.settings_sha256 != before.settings_sha256


def test_training_again_freezes_the_choices_as_they_are_now(db: Session) -> None:
    round_, admin = failed_training(db)
    pair = db.scalars(select(Pair).where(Pair.round_id == round_.id).order_by(Pair.id)).first()
    assert pair is not None
    late = builders.choice(db, pair_id=pair.id, answer=Answer.SECOND, late=True)
    round_moves.train_again(db, round_id=round_.id, actor=admin)
    run = training_runs.newest(db, round_.id)
    assert run is not None
    frozen = db.get_one(TrainingSet, run.training_set_id)
    assert (frozen.number, frozen.items[0]["p"]) == (2, 0.5)
    assert late.id in frozen.items[0]["choices"]


def test_a_second_training_beside_one_that_runs_is_refused(db: Session) -> None:
    round_, admin = failed_training(db)
    round_moves.retry_with(db, round_id=round_.id, training={"learning_rate": 1e-5}, actor=admin)
    round_.state, round_.ended_at = RoundState.COMPLETE, builders.now()
    db.flush()
    for again in (
        lambda: round_moves.retry_with(db, round_id=round_.id, training={}, actor=admin),
        lambda: round_moves.train_again(db, round_id=round_.id, actor=admin),
    ):
        with pytest.raises(Conflict, match="still training"):
            again()


def test_cancel_ends_the_round_and_its_work_and_keeps_its_choices(db: Session) -> None:
    round_ = labeled_round(db, Answer.FIRST)
    job = builders.job(db, study_id=round_.study_id, round_id=round_.id)
    round_moves.cancel(db, round_id=round_.id, actor=builders.user(db))
    db.refresh(job)
    assert (round_.state, job.state) == (RoundState.CANCELLED, JobState.CANCELLED)
    assert round_.ended_at is not None
    assert db.scalars(select(Pair).where(Pair.round_id == round_.id)).one().filled == 1
    assert round_moves.allowed(round_) == set()


def test_an_evaluation_round_goes_from_labeling_to_complete(db: Session) -> None:
    round_ = labeled_round(db, Answer.FIRST, kind=RoundKind.EVALUATION)
    assert round_moves.allowed(round_) == {"pause", "cancel", "advance"}
    assert round_moves.settle(db, round_.id)
    assert round_.state == RoundState.COMPLETE


def test_launch_writes_all_groups_and_chunks_and_walks_on_where_the_last_round_stopped(db: Session) -> None:
    study = builders.study(db, settings=builders.settings(sampling={"groups": 6, "chunk_groups": 4}))
    first = rounds.launch(db, study_id=study.id, actor=None)
    chunks = db.scalars(select(Job).where(Job.round_id == first.id, Job.kind == JobKind.CHUNK).order_by(Job.id)).all()
    assert [job.payload["groups"] for job in chunks] == [1, 2, 3]
    assert [job.payload["first_group"] for job in chunks] == [0, 1, 3]
    assert (first.number, first.first_position, first.state) == (1, 0, RoundState.GENERATING)
    with pytest.raises(Conflict):
        rounds.launch(db, study_id=study.id, actor=None)
    round_moves.cancel(db, round_id=first.id, actor=None)
    second = rounds.launch(db, study_id=study.id, pairs=2, actor=None)
    assert (second.number, second.first_position, second.groups) == (2, 6, 2)
    used = db.execute(
        select(Prompt.text).join(Job, Job.round_id == first.id).where(Prompt.prompt_set_id == study.prompt_set_id)
    ).all()
    assert used


def test_the_same_idempotency_key_launches_one_round(db: Session) -> None:
    study = builders.study(db)
    first = rounds.launch(db, study_id=study.id, actor=None, idempotency_key="once")
    assert rounds.launch(db, study_id=study.id, actor=None, idempotency_key="once") is first


def test_the_first_finished_run_moves_the_studys_checkpoint_and_later_ones_do_not(db: Session) -> None:
    round_ = labeled_round(db, Answer.FIRST)
    round_moves.settle(db, round_.id)
    trained = training_runs.Trained("a" * 64, {}, None, {}, {})
    made = []
    for _ in range(2):
        job = db.scalars(
            select(Job).where(Job.round_id == round_.id, Job.kind == JobKind.TRAINING).order_by(Job.id.desc())
        ).first()
        assert job is not None
        from app.services import jobs

        made.append(training_runs.finish(db, jobs.claim_of(job), round_, trained))
        if round_.state == RoundState.TRAINING:
            round_moves.make(db, round_, "trained")
            round_moves.train_again(db, round_id=round_.id, actor=None)
    assert [checkpoint.number for checkpoint in made] == [1, 2]
    assert round_.state == RoundState.COMPLETE
    assert db.get_one(Study, round_.study_id).current_checkpoint_id == made[0].id
    assert db.scalars(select(Event).where(Event.what == "checkpoint.made")).all()
    planned = db.scalars(select(Job.checkpoint_id).where(Job.kind == JobKind.EVALUATION)).all()
    assert {checkpoint.id for checkpoint in made} <= set(planned)


def test_a_skip_closed_round_is_settled_too(db: Session) -> None:
    round_ = builders.round_(db)
    pair = builders.pair(db, round_id=round_.id, state=PairState.CLOSED, skipped=3)
    builders.choice(db, pair_id=pair.id, answer=Answer.SKIP)
    assert db.scalars(select(Lease)).first() is not None
    assert round_moves.settle(db, round_.id)
    assert round_.hold == Hold.FAILED
